package crash

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

// slow makes a call that takes so many milliseconds, and returns when app code runs.
func (c *client) slow(hook, key, ms string) <-chan answer {
	c.t.Helper()
	done := make(chan answer, 1)
	go func() { done <- c.call(hook, url.Values{"set": {key}, "value": {"1"}, "wait": {ms}}) }()
	eventually(c.t, func() string {
		var got kept
		c.call(hook, url.Values{"get": {key}}).into(c.t, &got)
		if got.Value != "1" {
			return "the slow call does not begin"
		}
		return ""
	})
	return done
}

func (s *process) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// refusing waits until the server accepts no connection any more.
func (s *process) refusing() {
	s.t.Helper()
	eventually(s.t, func() string {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err == nil {
			conn.Close()
			return "the server still accepts connections"
		}
		return ""
	})
}

// A server that is told to stop takes no connection and lets what runs finish, also for
// clients that keep their connections.
func TestStopFinishesCalls(t *testing.T) {
	for name, sig := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			s := p.start(t)
			c := newClient(t, p, s)
			_, _, hook := c.fresh()
			running := c.slow(hook, "a", "3000")
			s.signal(sig)
			s.refusing()
			var got kept
			(<-running).into(t, &got)
			if got.Value != "1" {
				t.Errorf("%+v", got)
			}
			if err := s.cmd.Wait(); err != nil {
				t.Errorf("%v\n%s", err, s.log)
			}
			s.gone()
			// What the call stored is there.
			s = p.start(t)
			c.meet(s)
			if c.call(hook, url.Values{"get": {"a"}}).into(t, &got); got.Value != "1" {
				t.Errorf("%+v", got)
			}
			s.stop()
		})
	}
}

// While a load balancer is given the time to look away, /readyz says why, and requests
// are still served.
func TestStopIsAnnounced(t *testing.T) {
	p := newPlace(t)
	p.flags = []string{"--shutdown-delay", "3s"}
	s := p.start(t)
	c := newClient(t, p, s)
	if a := c.ask("GET", "/readyz", "", nil); a.status != http.StatusOK {
		t.Fatal(a)
	}
	s.signal(syscall.SIGTERM)
	eventually(t, func() string {
		if a := c.ask("GET", "/readyz", "", nil); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "STOPPING") {
			return a.String()
		}
		return ""
	})
	if a := c.ask("GET", "/healthz", "", nil); a.status != http.StatusOK {
		t.Error(a)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, s.log)
	}
}

// What outlasts the grace ends with an error that says so.
func TestStopEndsWhatOutlastsTheGrace(t *testing.T) {
	p := newPlace(t)
	p.flags = []string{"--shutdown-grace", "100ms"}
	s := p.start(t)
	c := newClient(t, p, s)
	_, _, hook := c.fresh()
	running := c.slow(hook, "a", "40000")
	s.signal(syscall.SIGTERM)
	if a := <-running; a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "SHUTTING_DOWN") {
		t.Error(a)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, s.log)
	}
	s.gone()
}

// A second signal ends the server at once, and its workers with it.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	p := newPlace(t)
	p.flags = []string{"--shutdown-grace", "10m"}
	s := p.start(t)
	c := newClient(t, p, s)
	_, _, hook := c.fresh()
	running := c.slow(hook, "a", "40000")
	s.signal(syscall.SIGTERM)
	s.refusing() // the first one was heard
	s.signal(syscall.SIGTERM)
	if a := <-running; a.err == nil {
		t.Error(a)
	}
	_ = s.cmd.Wait()
	if status, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
		t.Error(s.cmd.ProcessState)
	}
	s.gone()
	p.start(t).stop()
}
