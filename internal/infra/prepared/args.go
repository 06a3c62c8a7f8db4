package prepared

import (
	"fmt"
	"os"
	"os/exec"

	"github.com/annexhq/annex/internal/infra/jail"
)

// The words that a child finds at the end of its arguments.
const (
	askWord  = "prepare"
	giveWord = "prepared"
)

func ask(cmd *exec.Cmd, dir string) { cmd.Args = append(cmd.Args, askWord, dir) }

// Asked gives the folder that a child shall leave in what it prepares.
func Asked(args []string) (dir string, ok bool) {
	if n := len(args); n >= 3 && args[n-2] == askWord {
		return args[n-1], true
	}
	return "", false
}

// Give hands the folder to a worker that a jail is going to start.
func Give(cmd *exec.Cmd, dir *os.File) {
	cmd.Args = append(cmd.Args, giveWord)
	cmd.ExtraFiles = []*os.File{dir}
}

// Given gives the folder to a worker that has not yet entered its room. Others may not
// enter the folders above: it has a name by its descriptor only.
func Given(args []string) (dir string, ok bool) {
	if n := len(args); n >= 2 && args[n-1] == giveWord {
		return fmt.Sprintf("/proc/self/fd/%d", jail.Socket+1), true
	}
	return "", false
}
