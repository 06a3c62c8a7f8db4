package cli

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
)

func (c *cli) serveCommand() *cobra.Command {
	var o ServeOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the platform",
		Long: "Runs the platform until interrupted. An empty data directory gets the first operator token\n" +
			"in DIR/operator.token, good for a day and exchanged by `annex login`; a start that finds none usable makes a new one.\n" +
			"--check only checks the configuration: it writes nothing and may run beside the server.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.hooks.Serve == nil {
				return errors.New("this program holds no server")
			}
			if err := listenAddress(o.Listen); err != nil {
				return err
			}
			if o.Workers < 0 {
				return usage("--workers is a number of processes, 0 or more").WithFix("leave it out: the server then takes one for each processor")
			}
			o.Data = c.absolute(o.Data)
			if o.KeyRing != "" {
				o.KeyRing = c.absolute(o.KeyRing)
			}
			if o.Blobs != "" {
				o.Blobs = c.absolute(o.Blobs)
			}
			o.Out, o.Err = c.env.Out, c.env.Err
			return c.hooks.Serve(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.Data, "data", "annex-data", "data `directory`")
	cmd.Flags().StringVar(&o.Database, "database", "", "postgres:// `URL` (default: SQLite in the data directory)")
	cmd.Flags().StringVar(&o.KeyRing, "key-ring", "", "`file` of the keys that seal stored secrets (default: annex/keyring in your configuration folder)")
	cmd.Flags().StringVar(&o.Blobs, "blobs", "", "`folder` of deployed bytes, the same for all servers of one database (default: blobs in the data directory)")
	cmd.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:8480", "`address` to listen on")
	cmd.Flags().StringVar(&o.PlatformDomain, "platform-domain", "", "`domain` of api.… and ui.…")
	cmd.Flags().StringVar(&o.AppsDomain, "apps-domain", "", "another registrable `domain`, for apps and web triggers")
	cmd.Flags().IntVar(&o.Workers, "workers", 0, "`number` of worker processes (0: as the machine allows)")
	cmd.Flags().BoolVar(&o.Check, "check", false, "only check the configuration")
	return cmd
}

func (c *cli) demoCommand() *cobra.Command {
	var o DemoOptions
	var upstreams []string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run platform, reference product and sample apps on this machine",
		Long:  "Starts everything offline, deploys and installs sample apps, and writes addresses and credentials to DIR/demo.json when\nready. A second start finds its data.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.hooks.Demo == nil {
				return errors.New("this program holds no server")
			}
			if err := listenAddress(o.Listen); err != nil {
				return err
			}
			o.Upstreams = map[string]string{}
			for _, u := range upstreams {
				host, addr, ok := strings.Cut(u, "=")
				if !ok || host == "" || addr == "" {
					return usage("--upstream %q is not HOST=ADDR", u).WithFix("for instance --upstream api.example.com=127.0.0.1:9443")
				}
				o.Upstreams[host] = addr
			}
			if o.UpstreamCA != "" {
				o.UpstreamCA = c.absolute(o.UpstreamCA)
				if _, err := os.Stat(o.UpstreamCA); err != nil {
					return usage("--upstream-ca: %v", err)
				}
			}
			o.Data = c.absolute(o.Data)
			o.Out, o.Err = c.env.Out, c.env.Err
			return c.hooks.Demo(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.Data, "data", "annex-demo", "data `directory`")
	cmd.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:8480", "`address` to listen on; port 0 takes a free one")
	cmd.Flags().StringArrayVar(&upstreams, "upstream", nil, "`HOST=ADDR`: requests to HOST reach ADDR instead; repeatable")
	cmd.Flags().StringVar(&o.UpstreamCA, "upstream-ca", "", "PEM `file` with the authority that upstreams are trusted by")
	return cmd
}

// listenAddress refuses what is no HOST:PORT, before anything is opened.
func listenAddress(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return usage("--listen %q is not HOST:PORT", text).WithFix("for instance --listen 127.0.0.1:8480")
	}
	return nil
}

func (c *cli) absolute(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.env.Dir, p)
}

func (c *cli) explainCommand() *cobra.Command {
	return parent("explain", "Ask the rules what they would decide", &cobra.Command{
		Use:   "egress",
		Short: "Decide egress questions, JSON lines in, JSON lines out",
		Long: "Reads one question a line from stdin, such as {\"id\":\"a\",\"kind\":\"backend\",\"patterns\":[\"*.example.com\"],\n" +
			"\"url\":\"https://api.example.com/\"}, and answers {\"id\",\"allow\",\"reason\",\"rule\"} each.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return explain(c.env.In, c.env.Out)
		},
	})
}

// maxLine bounds one question.
const maxLine = 1 << 20

func explain(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	w := bufio.NewWriter(out)
	for n := 1; lines.Scan(); n++ {
		answer := hostrule.ExplainLine(n, lines.Bytes())
		if len(answer) == 0 {
			continue
		}
		if _, err := w.Write(append(bytes.Clone(answer), '\n')); err != nil {
			return err
		}
		// Each answer leaves before the next question is read: a program may wait for it.
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fault.New(fault.Limit, "LINE_TOO_LONG", "a line has more than %s", bytesText(maxLine)).With("limit", maxLine)
	}
	return lines.Err()
}
