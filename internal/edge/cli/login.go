package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) loginCommand() *cobra.Command {
	var url string
	var fromStdin, device bool
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Keep a server's address and a token of yours",
		Long: "At a terminal, and with --device, shows a code and an address: an admin of a site types the code there and decides. The command gets an\n" +
			"admin token of that site, for an hour. With --token-stdin or ANNEX_TOKEN it takes a token that somebody made: a developer's, a CI's, an operator's.\n" +
			"Checks the token with the server, then keeps both in the credentials file, which only you can read.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if url == "" {
				k, err := c.server()
				if err != nil && fault.CodeOf(err) != "CREDENTIALS" {
					return err
				}
				if url = k.URL; url == "" {
					return usage("annex login needs --url").WithFix("name the control address that `annex serve` or `annex demo` printed")
				}
			}
			k := credentials{URL: strings.TrimSuffix(url, "/")}
			if device = device || c.env.Interactive && !fromStdin && c.env.Getenv("ANNEX_TOKEN") == ""; device && !fromStdin {
				if err := c.askConsole(cmd.Context(), &k); err != nil {
					return err
				}
			} else {
				token, err := c.readToken(fromStdin)
				if err != nil {
					return err
				}
				k.Token = token
			}
			api, err := c.client(k)
			if err != nil {
				return err
			}
			who, err := api.Whoami(cmd.Context())
			if err != nil {
				return err
			}
			if who.First {
				// The first token lies in a file of the server: it is exchanged for one that
				// only this machine keeps, and ends by that.
				made, err := api.CreateToken(cmd.Context(), client.TokenRequest{Kind: who.Kind, Note: "annex login"})
				if err != nil {
					return err
				}
				k.Token = made.Secret
			}
			file, err := c.saveCredentials(k)
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(struct {
					URL  string        `json:"url"`
					File string        `json:"file"`
					Who  client.Whoami `json:"who"`
				}{k.URL, file, who})
				return nil
			}
			c.ui.printf("Logged in to %s as %s; kept in %s", k.URL, whoText(who), file)
			return nil
		},
	}
	cmd.Flags().StringVar(&url, "url", "", "the server's control `address` (default: ANNEX_URL)")
	cmd.Flags().BoolVar(&fromStdin, "token-stdin", false, "read the token from stdin, at a terminal without echo")
	cmd.Flags().BoolVar(&device, "device", false, "let an admin decide at the console (what happens at a terminal)")
	cmd.MarkFlagsMutuallyExclusive("token-stdin", "device")
	return jsonFlag(cmd)
}

// askConsole has an admin decide at the console, as RFC 8628 describes, and takes the token.
func (c *cli) askConsole(ctx context.Context, k *credentials) error {
	api, err := c.client(credentials{URL: k.URL})
	if err != nil {
		return err
	}
	login, err := api.StartLogin(ctx, cmp.Or(c.env.Host, "a machine without a name"))
	if err != nil {
		return err
	}
	return c.awaitConsole(ctx, login, func() error {
		made, err := api.PollLogin(ctx, login.DeviceCode)
		if err == nil {
			k.Token, k.LetIn = made.Secret, made.ID
		}
		return err
	})
}

// awaitConsole shows a code and asks until somebody typed it at the console and decided.
func (c *cli) awaitConsole(ctx context.Context, login client.DeviceLogin, poll func() error) error {
	// On stderr also with --json: without the code nothing goes on.
	fmt.Fprintln(c.env.Err, clean(fmt.Sprintf("Open   %s\nType   %s   (good for %d minutes)", login.URL, login.UserCode, login.ExpiresIn/60)))
	wait := time.Duration(max(login.Interval, 1)) * time.Second
	for {
		if err := c.sleep(ctx, wait); err != nil {
			return err
		}
		err := poll()
		switch fault.CodeOf(err) {
		case "AUTHORIZATION_PENDING":
		case "SLOW_DOWN":
			wait += 5 * time.Second
		case "UNREACHABLE": // RFC 8628, 3.5: ask more seldom
			wait *= 2
		default:
			if fault.KindOf(err) != fault.Unavailable {
				return err
			}
			wait *= 2 // the server cannot say now
		}
	}
}

func (c *cli) sleep(ctx context.Context, d time.Duration) error {
	if c.env.Sleep != nil {
		return c.env.Sleep(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// readToken takes the token from stdin, at a terminal without echo, or from ANNEX_TOKEN. There is no
// flag for it: other users of the machine can read command lines.
func (c *cli) readToken(fromStdin bool) (string, error) {
	text := c.env.Getenv("ANNEX_TOKEN")
	switch {
	case fromStdin && c.env.Interactive:
		var err error
		if text, err = c.readHidden("Token"); err != nil {
			return "", err
		}
	case fromStdin:
		line, err := bufio.NewReader(io.LimitReader(c.env.In, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("stdin: %w", err)
		}
		text = line
	case text == "":
		return "", usage("annex login needs a token").WithFix("pipe it in with --token-stdin, set ANNEX_TOKEN, or let an admin decide at the console with --device")
	}
	text = strings.TrimSpace(text)
	if err := plausibleToken(text); err != nil {
		return "", err
	}
	return text, nil
}

func (c *cli) logoutCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "Forget the kept token",
		Long: "Forgets the token on this machine. One that an admin's word at the console made for `annex login` ends everywhere; of others\n" +
			"`annex token revoke` does that.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := c.credentialsFile()
			if err != nil {
				return err
			}
			k, _ := c.loadCredentials() // what cannot be read is forgotten all the same
			err = os.Remove(file)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fault.New(fault.Internal, "WRITE", "%s cannot be removed: %v", file, err).Because(err)
			}
			goesOn := err == nil && k.LetIn != "" && c.endLogin(cmd.Context(), k) != nil
			switch {
			case c.json:
				c.ui.printJSON(map[string]bool{"removed": err == nil, "ended": err == nil && k.LetIn != "" && !goesOn})
			case err != nil:
				c.ui.printf("Nobody was logged in.")
			case goesOn:
				c.ui.printf("Logged out here. The server did not end the token: it ends within the hour, or at the console under Command lines.")
			default:
				c.ui.printf("Logged out.")
			}
			return nil
		},
	}
	return jsonFlag(cmd)
}

// endLogin ends the token of a login everywhere. One that has ended already is no token any more.
func (c *cli) endLogin(ctx context.Context, k credentials) error {
	api, err := c.client(k)
	if err != nil {
		return err
	}
	if err = api.RevokeToken(ctx, k.LetIn); fault.KindOf(err) == fault.Unauthenticated {
		return nil
	}
	return err
}

func (c *cli) whoamiCommand() *cobra.Command {
	return jsonFlag(&cobra.Command{
		Use:   "whoami",
		Short: "Say who the token speaks for",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			who, err := api.Whoami(cmd.Context())
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(who)
				return nil
			}
			c.ui.printf("%s at %s", whoText(who), api.URL())
			return nil
		},
	})
}

func whoText(w client.Whoami) string {
	s := w.Kind
	if w.Product != "" {
		s = w.Name + " of " + w.Product + " (" + w.Kind + ")"
	} else if w.Name != "" {
		s = w.Name + " (" + w.Kind + ")"
	}
	if w.Site != "" {
		s += " of site " + w.Site
	}
	if w.App != "" {
		s += " for app " + w.App
	}
	if len(w.Environments) > 0 {
		s += " in " + strings.Join(w.Environments, ", ")
	}
	return s
}

func (c *cli) versionCommand() *cobra.Command {
	return jsonFlag(&cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if c.json {
				c.ui.printJSON(map[string]string{"version": c.hooks.Version})
				return nil
			}
			c.ui.printf("annex %s", c.hooks.Version)
			return nil
		},
	})
}
