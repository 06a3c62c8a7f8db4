package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/annexhq/annex/internal/core/fault"
)

var update = flag.Bool("update", false, "write the generated part of docs/cli.md")

const (
	docsFile = "../../../docs/cli.md"
	begin    = "<!-- commands: written by `go test ./internal/edge/cli -run Docs -update` -->\n"
	end      = "<!-- end of commands -->\n"
)

func tree() *cobra.Command {
	env := Env{Getenv: func(string) string { return "" }, In: strings.NewReader(""), Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}
	return (&cli{env: env, ui: newUI(env)}).root()
}

// walk visits every command that does something.
func walk(cmd *cobra.Command, f func(*cobra.Command)) {
	for _, sub := range cmd.Commands() {
		if sub.Name() == "help" || sub.Name() == "completion" || sub.Hidden {
			continue
		}
		f(sub)
		walk(sub, f)
	}
}

func TestDocsListEveryCommand(t *testing.T) {
	var want strings.Builder
	walk(tree(), func(cmd *cobra.Command) {
		if cmd.HasSubCommands() && cmd.Long == "" {
			fmt.Fprintf(&want, "### %s\n\n%s.\n\n", cmd.CommandPath(), cmd.Short)
			return
		}
		fmt.Fprintf(&want, "#### `%s`\n\n%s.", strings.TrimSuffix(cmd.UseLine(), " [flags]"), cmd.Short)
		if cmd.Long != "" {
			fmt.Fprintf(&want, " %s", strings.ReplaceAll(cmd.Long, "\n", " "))
		}
		want.WriteString("\n\n")
		rows := 0
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" {
				return
			}
			if rows == 0 {
				want.WriteString("| flag | |\n|---|---|\n")
			}
			rows++
			name := "--" + f.Name
			if f.Shorthand != "" {
				name = "-" + f.Shorthand + ", " + name
			}
			arg, words := pflag.UnquoteUsage(f)
			if arg != "" {
				name += " " + arg
			}
			if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "[]" {
				words += " (default " + f.DefValue + ")"
			}
			fmt.Fprintf(&want, "| `%s` | %s |\n", name, words)
		})
		if rows > 0 {
			want.WriteString("\n")
		}
	})
	text, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	got, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no generated part", docsFile)
	}
	if *update {
		if err := os.WriteFile(docsFile, []byte(head+begin+want.String()+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want.String() {
		t.Errorf("%s does not describe the commands as they are: run go test ./internal/edge/cli -run Docs -update", docsFile)
	}
}

func TestDocsListEveryExitCode(t *testing.T) {
	text, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	kinds := []fault.Kind{fault.Internal, fault.Usage, fault.Invalid, fault.Unauthenticated, fault.Denied, fault.NotFound,
		fault.Conflict, fault.Waiting, fault.Limit, fault.Unavailable, fault.App}
	for _, k := range kinds {
		row := ""
		for _, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, fmt.Sprintf("| %d |", k.ExitCode())) {
				row = line
			}
		}
		if !strings.Contains(row, "`"+k.String()+"`") {
			t.Errorf("the row of exit code %d does not name kind %q: %s", k.ExitCode(), k, row)
		}
	}
}

func TestReadCommandsHaveJSON(t *testing.T) {
	streams := map[string]bool{"annex serve": true, "annex demo": true, "annex explain egress": true, "annex audit export": true, "annex receipts export": true, "annex storage export": true}
	walk(tree(), func(cmd *cobra.Command) {
		if cmd.HasSubCommands() && cmd.Long == "" || streams[cmd.CommandPath()] {
			return
		}
		if cmd.Flags().Lookup("json") == nil {
			t.Errorf("%s has no --json", cmd.CommandPath())
		}
	})
}
