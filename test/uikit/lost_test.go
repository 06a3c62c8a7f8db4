package uikit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/annexhq/annex/test/uikit/client"
)

const waiting = `
import React, { useState } from 'react';
import ForgeReconciler, { Button, Stack, Text } from '@forge/react';
import { invoke } from '@forge/bridge';
const App = () => {
  const [n, set] = useState(0);
  const [state, say] = useState('ready');
  return <Stack>
    <Text>{state} {n}</Text>
    <Button onClick={() => set((x) => x + 1)}>count</Button>
    <Button onClick={async () => { set(100); say('waiting'); await invoke('hang'); say('done'); }}>wait</Button>
  </Stack>;
};
ForgeReconciler.render(<App />);
`

// waitingApp is an app one of whose buttons waits for a resolver that does not answer.
func waitingApp(t testing.TB) string { return waitingAppOf(t, waiting) }

func waitingAppOf(t testing.TB, panel string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"manifest.yml": `app:
  id: ari:cloud:ecosystem::app/01939f00-0000-4000-8000-00000000dead
  runtime:
    name: nodejs22.x
permissions:
  scopes: [storage:app]
modules:
  jira:issuePanel:
    - key: panel
      title: Panel
      resource: main
      render: native
      resolver:
        function: resolver
  function:
    - key: resolver
      handler: index.handler
resources:
  - key: main
    path: src/panel.jsx
`,
		"src/panel.jsx": panel,
		"src/index.js": `import Resolver from '@forge/resolver';
const r = new Resolver();
r.define('hang', () => new Promise((done) => setTimeout(done, 20_000)));
export const handler = r.getDefinitions();
`,
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// killWorkers ends the worker processes of this one, which are its children.
func killWorkers(t testing.TB) (n int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		var pid, parent int
		var state string
		_, rest, _ := strings.Cut(string(text), ") ")
		if _, err := fmt.Sscanf(rest, "%s %d", &state, &parent); err != nil || parent != os.Getpid() {
			continue
		}
		if _, err := fmt.Sscan(string(text), &pid); err == nil && syscall.Kill(pid, syscall.SIGKILL) == nil {
			n++
		}
	}
	return n
}

// A worker dies in the middle of an event: the session is what it was before that event, the
// page is told so, and goes on.
func TestWorkerDiesInAnEvent(t *testing.T) {
	w := newWorld(t)
	v := w.page("alice", "TR-1").Open(w.app(waitingApp(t)) + "/panel")
	v.Until("the panel", func(s *client.State) bool { return len(s.Tree.All("Button")) == 2 })
	v.Click(v.Now().Tree.All("Button")[0], "onClick")
	if s := v.Click(v.Now().Tree.All("Button")[0], "onClick"); !strings.Contains(s.Tree.Text(), "ready 2") {
		t.Fatal(s.Tree.Text())
	}
	v.Fire(v.Now().Tree.All("Button")[1].Handle("onClick"))
	v.Until("it waits", func(s *client.State) bool { return strings.Contains(s.Tree.Text(), "waiting 100") })
	if killWorkers(t) == 0 {
		t.Fatal("there are no workers to kill")
	}
	s := v.Until("the page is told", func(s *client.State) bool { return len(s.Errors) > 0 && strings.Contains(s.Tree.Text(), "ready 2") })
	if !strings.Contains(s.Errors[0], "WORKER_LOST") {
		t.Errorf("%v", s.Errors)
	}
	if s := v.Click(s.Tree.All("Button")[0], "onClick"); !strings.Contains(s.Tree.Text(), "ready 3") {
		t.Errorf("after the loss: %s %v", s.Tree.Text(), s.Errors)
	}
}

func writeFile(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
