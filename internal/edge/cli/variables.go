package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/cli/client"
)

// maxVariable is the server's limit.
const maxVariable = 64 << 10

func (c *cli) variablesSetCommand() *cobra.Command {
	var f appFlags
	var encrypt, plain, allowEmpty bool
	cmd := &cobra.Command{
		Use:   "set KEY [VALUE]",
		Short: "Set a variable; the next call sees it",
		Long: "Sets a variable of one environment. Without VALUE it is read from stdin, at a terminal without echo if it is to be\n" +
			"encrypted, so that a secret stays out of the shell's history. The value of an encrypted one is never shown again, and\n" +
			"it stays encrypted: a plain value over it needs --plain.",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if encrypt && plain {
				return usage("--encrypt and --plain exclude each other")
			}
			value, err := c.variableValue(args, encrypt)
			if err != nil {
				return err
			}
			if len(value) > maxVariable {
				return fault.New(fault.Limit, "VARIABLE_TOO_BIG", "a variable holds at most %s", bytesText(maxVariable)).With("limit", maxVariable)
			}
			if value == "" && !allowEmpty {
				return usage("the value of %s is empty", args[0]).WithFix("add --allow-empty if it is to be, or remove it with `annex variables unset`")
			}
			return c.ofApp(f.app, func(api *client.Client, app string) error {
				in := client.VariableValue{Value: value, Sealed: encrypt, Unseal: plain}
				err := api.SetVariable(cmd.Context(), app, f.environment, args[0], in)
				if e, ok := fault.As(err); ok && e.Code == "VARIABLE_SEALED" {
					return e.WithFix("add --encrypt to keep it encrypted, or --plain to have its new value shown")
				}
				if err != nil {
					return err
				}
				if c.json {
					c.ui.printJSON(map[string]any{"key": args[0], "sealed": encrypt})
					return nil
				}
				c.ui.printf("Set %s in %s", args[0], f.environment)
				return nil
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&encrypt, "encrypt", false, "seal the value: it is never shown again")
	cmd.Flags().BoolVar(&plain, "plain", false, "show the value from now on, also where it was encrypted")
	cmd.Flags().BoolVar(&allowEmpty, "allow-empty", false, "set it to nothing")
	return jsonFlag(cmd)
}

// variableValue is the second argument, or what stdin holds.
func (c *cli) variableValue(args []string, secret bool) (string, error) {
	if len(args) == 2 {
		return args[1], nil
	}
	if secret && c.env.Interactive {
		return c.readHidden("Value of " + args[0])
	}
	if c.env.Interactive {
		c.ui.note("The value, then Ctrl-D:")
	}
	text, err := io.ReadAll(io.LimitReader(c.env.In, maxVariable+2))
	if err != nil {
		return "", fmt.Errorf("stdin: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), nil
}

// readHidden asks a person for a secret, without echo.
func (c *cli) readHidden(prompt string) (string, error) {
	fmt.Fprintf(c.env.Err, "%s: ", prompt)
	typed, err := term.ReadPassword(int(os.Stdin.Fd()))
	fmt.Fprintln(c.env.Err)
	if err != nil {
		return "", fmt.Errorf("terminal: %w", err)
	}
	return string(typed), nil
}
