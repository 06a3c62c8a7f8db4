package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/infra/bundle"
)

const careless = `
import React, { useState } from 'react';
import ForgeReconciler, { Button, Text } from '@forge/react';
import { BridgeAPIError, Modal, checkPermissions, invoke, invokeRemote, requestRemote, router, showFlag } from '@forge/bridge';
const loop = {}; loop.self = loop;
const tries = {
  invokeNothing: () => invoke(), invokeLoop: () => invoke('f', loop), invokeBig: () => invoke('f', 1n),
  remoteNull: () => invokeRemote(null), remoteText: () => invokeRemote('/path'), remotePath: () => invokeRemote({ path: 7 }), remoteLoop: () => invokeRemote({ body: loop }),
  remoteHeaders: () => invokeRemote({ headers: 'a: b' }), remoteMethod: () => invokeRemote({ method: 'a b' }), remoteList: () => invokeRemote([]),
  keyNull: () => requestRemote(null), keyNone: () => requestRemote(), keyObject: () => requestRemote({}), text: () => requestRemote('k', 'x'), path: () => requestRemote('k', { path: {} }),
  name: () => requestRemote('k', { headers: { 'a b': 'c' } }), place: () => router.getUrl(null),
};
const harmless = { requestNull: () => requestRemote('k', null), flag: () => showFlag(null), actions: () => showFlag({ actions: [null, 3] }), modal: () => new Modal(null).open(), permissions: () => checkPermissions(null) };
const App = () => {
  const [said, say] = useState('');
  return <><Text>{said}</Text><Button onClick={async () => {
    const out = {};
    for (const [name, run] of Object.entries(tries)) out[name] = await (async () => run())().then(() => 'resolved', (e) => e instanceof BridgeAPIError && e.name === 'BridgeAPIError' ? e.code + ': ' + e.message : String(e.stack));
    for (const [name, run] of Object.entries(harmless)) out[name] = await (async () => run())().then(() => 'resolved', (e) => String(e.stack));
    say(JSON.stringify(out));
  }}>go</Button></>;
};
ForgeReconciler.render(<App />);
`

// What the bridge of a UI Kit app cannot do anything with is refused with an error of its own,
// which says what is wrong, as in an app's own page; nothing breaks the view.
func TestCarelessArguments(t *testing.T) {
	const fn = "ui:main"
	s := perform(t, newEngine(t), map[string]string{"src/ui.jsx": careless}, nil, bundle.Interface{Key: "main", File: "src/ui.jsx"})
	s.answer = func(pendingCall) (bool, string, string) { return true, `{"status":200,"headers":[]}`, `` }
	tree := last(s.event(fn, `{"type":"open"}`))
	tree = last(s.click(fn, tree.all("Button")[0], "onClick"))
	if tree == nil {
		t.Fatal("nothing is drawn")
	}
	var said map[string]string
	if err := json.Unmarshal([]byte(tree.all("Text")[0].text()), &said); err != nil || len(said) != 22 {
		t.Fatal(tree.text(), err)
	}
	for name, what := range said {
		switch name {
		case "requestNull", "flag", "actions", "modal", "permissions":
			if what != "resolved" {
				t.Errorf("%s: %s", name, what)
			}
		default:
			if !strings.HasPrefix(what, "INVALID_ARGUMENT: ") || len(what) < 30 {
				t.Errorf("%s: %s", name, what)
			}
		}
	}
}
