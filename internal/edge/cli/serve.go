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

	"github.com/annexhq/annex/internal/core/csp"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/settings"
)

func (c *cli) serveCommand() *cobra.Command {
	var check, show, insecure bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the platform",
		Long: "Runs the platform until it is told to stop (SIGINT, SIGTERM): then it takes no new requests and lets running calls finish;\n" +
			"a second signal ends it at once. An empty data directory gets the first operator token in DIR/operator.token, good for\n" +
			"a day and exchanged by `annex login`; a start that finds none usable makes a new one. Each setting is a flag, a key of\n" +
			"the file that --config names, and a variable of the environment (--log-level, log-level:, ANNEX_LOG_LEVEL); a flag wins\n" +
			"over the environment, that over the file. --check only checks: it writes nothing and may run beside the server.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.hooks.Serve == nil {
				return errors.New("this program holds no server")
			}
			o, v, err := c.serverOptions(cmd)
			if err != nil {
				return err
			}
			if show {
				c.ui.printf("%s", strings.TrimSuffix(v.String(), "\n"))
				return nil
			}
			o.Check, o.InsecureNoSandbox = check, insecure
			return c.hooks.Serve(cmd.Context(), o)
		},
	}
	// A flag and nothing else: no forgotten file or variable takes the walls away.
	cmd.Flags().BoolVar(&insecure, "insecure-no-sandbox", false, insecureUsage)
	settings.Flags(cmd.Flags())
	cmd.Flags().BoolVar(&check, "check", false, "only check configuration, data directory, keys and database")
	cmd.Flags().BoolVar(&show, "print-config", false, "only print the settings that count and where each comes from")
	return cmd
}

// serverOptions reads the configuration of a command that works on a server's data.
func (c *cli) serverOptions(cmd *cobra.Command) (ServeOptions, *settings.Values, error) {
	v, err := settings.Load(settings.Sources{Flags: cmd.Flags(), Getenv: c.env.Getenv, Dir: c.env.Dir})
	if err != nil {
		return ServeOptions{}, nil, err
	}
	return ServeOptions{
		Data: v.Text("data"), Database: v.Text("database"), KeyRing: v.Text("key-ring"), Blobs: v.Text("blobs"),
		Listen: v.Text("listen"), PlatformDomain: v.Text("platform-domain"), AppsDomain: v.Text("apps-domain"),
		Workers: v.Number("workers"), WorkerIsolation: v.Text("isolation-worker"), WorkerMemory: v.Number("worker-memory"), Quotas: v.Text("quotas"),
		ShutdownDelay: v.Duration("shutdown-delay"), ShutdownGrace: v.Duration("shutdown-grace"),
		MetricsListen: v.Text("metrics-listen"), TracesEndpoint: v.Text("traces-endpoint"), TracesPercent: v.Number("traces-percent"),
		LogJSON: v.Text("log-format") == "json" || v.Text("log-format") == "auto" && !c.env.ErrTerminal, LogLevel: v.Text("log-level"),
		Out: c.env.Out, Err: c.env.Err,
	}, v, nil
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
				_, port, err := net.SplitHostPort(addr)
				if !ok || host == "" || err != nil || port == "" {
					return usage("--upstream %q is not HOST=ADDR, with a port in ADDR", u).WithFix("for instance --upstream api.example.com=127.0.0.1:9443")
				}
				o.Upstreams[strings.ToLower(host)] = addr // as requests name it
			}
			if o.UpstreamCA != "" {
				o.UpstreamCA = c.absolute(o.UpstreamCA)
				if _, err := os.Stat(o.UpstreamCA); err != nil {
					return usage("--upstream-ca: %v", err)
				}
			}
			if o.Quotas != "" {
				o.Quotas = c.absolute(o.Quotas)
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
	cmd.Flags().StringVar(&o.Quotas, "quotas", "", "`file` of the figures of what installations, apps, sites and users may use (operate.md): small ones show what an app does when it is refused")
	cmd.Flags().BoolVar(&o.InsecureNoSandbox, "insecure-no-sandbox", false, insecureUsage)
	return cmd
}

const insecureUsage = "start workers without the operating system's sandbox, on a host that has none"

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
	return parent("explain", "Ask the rules what they would decide", c.explainCSPCommand(), &cobra.Command{
		Use:   "egress",
		Short: "Decide egress questions, JSON lines in, JSON lines out",
		Long: "Reads one question a line from stdin, such as {\"id\":\"a\",\"kind\":\"backend\",\"patterns\":[\"*.example.com\"],\n" +
			"\"url\":\"https://api.example.com/\"}, and answers {\"id\",\"allow\",\"reason\",\"rule\"} each. Kinds are backend (may the server send there), pattern (is it valid),\n" +
			"resource (with a type: may a page load it) and csp (do the sources of a page's policy admit it). What has a field that is not known is skipped, not guessed.",
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
		answer := csp.ExplainLine(n, lines.Bytes())
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
