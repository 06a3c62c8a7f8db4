package uikit

import (
	"strings"
	"testing"

	"github.com/annexhq/annex/test/uikit/client"
)

// gated is an app one of whose buttons waits for a resolver, which waits until another button
// was pressed: who handles one event after the other never comes to that.
const gated = `
import React, { useState } from 'react';
import ForgeReconciler, { Button, Stack, Text } from '@forge/react';
import { invoke } from '@forge/bridge';
const App = () => {
  const [n, set] = useState(0);
  const [state, say] = useState('ready');
  return <Stack>
    <Text>{state} {n}</Text>
    <Button onClick={() => set((x) => x + 1)}>count</Button>
    <Button onClick={async () => { say('waiting'); const a = await invoke('gate', 'first'); const b = await invoke('gate', 'second'); say(a + ', ' + b); }}>wait</Button>
    <Button onClick={async () => { await invoke('open', 'first'); }}>open</Button>
    <Button onClick={async () => { await invoke('open', 'second'); }}>open again</Button>
  </Stack>;
};
ForgeReconciler.render(<App />);
`

const gates = `import Resolver from '@forge/resolver';
import { kvs } from '@forge/kvs';
const r = new Resolver();
r.define('gate', async ({ payload }) => { while (!(await kvs.get(payload))) await new Promise((next) => setTimeout(next, 100)); return 'after ' + payload; });
r.define('open', ({ payload }) => kvs.set(payload, true));
export const handler = r.getDefinitions();
`

// While what a person did waits for an answer, what they do next is handled, as in any page:
// the answer comes to the handler that asked for it, and what it asks for then does too.
func TestAPressDoesNotWaitForAnotherOnesAnswer(t *testing.T) {
	w := newWorld(t)
	dir := waitingAppOf(t, gated)
	writeFile(t, dir, "src/index.js", gates)
	v := w.page("alice", "TR-1").Open(w.app(dir) + "/panel")
	v.Until("the panel", func(s *client.State) bool { return len(s.Tree.All("Button")) == 4 })
	press := func(name string) *client.State {
		t.Helper()
		for _, b := range v.Now().Tree.All("Button") {
			if b.Text() == name {
				return v.Click(b, "onClick")
			}
		}
		t.Fatalf("no button %q", name)
		return nil
	}
	shows := func(s *client.State, text string) {
		t.Helper()
		if !strings.Contains(s.Tree.Text(), text) {
			t.Errorf("not %q: %s", text, s.Tree.Text())
		}
	}
	v.Fire(v.Now().Tree.All("Button")[1].Handle("onClick"))
	waits := int64(1)
	v.Until("it waits", func(s *client.State) bool { return strings.Contains(s.Tree.Text(), "waiting 0") })
	for _, want := range []string{"waiting 1", "waiting 2", "waiting 3"} {
		shows(press("count"), want)
	}
	if v.Now().Handled(waits) {
		t.Error("what waits is said to be handled")
	}
	press("open")
	shows(press("count"), "waiting 4")
	if v.Now().Handled(waits) {
		t.Error("what waits for its second answer is said to be handled")
	}
	press("open again")
	v.Until("both answers", func(s *client.State) bool {
		return strings.Contains(s.Tree.Text(), "after first, after second 4") && s.Handled(waits)
	})
	if s := v.Now(); len(s.Errors) > 0 {
		t.Error(s.Errors)
	}
	shows(press("count"), "second 5")
}
