package jail

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// NoCoreDump keeps this process, which holds keys, from leaving its memory on a disk. A
// limit of 0 would still start a program that core dumps are piped to; of 1, that is the
// kernel's own sign for such a program's crash, nothing is written and nothing started.
func NoCoreDump() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1, Max: 1}); err != nil {
		// A host that allows less already.
		if err = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
			return fmt.Errorf("jail: core dumps: %w", err)
		}
	}
	return nil
}
