package main

import (
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/infra/bundle"
)

const carelessView = `
import React, { useState } from 'react';
import ForgeReconciler, { Route, Router, useNavigate, useParams, Box, Button, DynamicTable, I18nProvider, Modal, Popup, Select, Text, Tooltip, usePermissions, useTranslation, xcss } from '@forge/react';
const loop = {}; loop.self = loop; loop.other = [loop, loop];
const odd = [undefined, null, true, 0, NaN, '', 'x'.repeat(20000), [], [null], {}, loop, Symbol('s'), 1n, () => {}, new Date(NaN), new Map([[1, 2]])];
const Translated = () => { const { t } = useTranslation(); return <Text>{odd.map((v) => t(v))}{odd.map((v) => t('known', typeof v === 'string' ? v.slice(0, 3) : 'other'))}|</Text>; };
const Allowed = () => { const all = [null, {}, { scopes: 'x' }, { scopes: null, external: null, remotes: 'r' }, { external: { fetch: null, images: 'https://a.example' } }, { external: { fetch: { backend: [null] } } }].map((w) => usePermissions(w)); return <Text>{all.map((a) => String(a.hasPermission)).join(',')}</Text>; };
const Key = () => <Text>key {useParams().key}</Text>;
const Routed = () => { const go = useNavigate(); return <Router><Route path="/issues/:key"><Key /></Route><Route path={7}><Text>no</Text></Route><Button onClick={() => go('/issues/%zz', null)}>go</Button></Router>; };
const App = () => {
  const [n, set] = useState(0);
  return <>
    <Button onClick={() => set(n + 1)}>{'pressed ' + n}</Button><Translated /><Allowed /><Routed />
    {odd.map((v, i) => <I18nProvider key={'l' + i} locale={typeof v === 'symbol' ? 'zz' : v}><Translated /></I18nProvider>)}
    {odd.map((v, i) => <Box key={i} xcss={xcss(v)} backgroundColor={v} padding={v}><Text>in</Text></Box>)}
    {odd.map((v, i) => <Modal key={i} onClose={v} width={v} title={v}><Text>in</Text></Modal>)}
    {odd.map((v, i) => <Tooltip key={i} content={v} position={v}><Text>in</Text></Tooltip>)}
    {odd.map((v, i) => <Popup key={i} isOpen={v} content={v} trigger={v} placement={v} />)}
    {odd.map((v, i) => <Select key={i} options={v} value={v} onChange={v} />)}
    {odd.map((v, i) => <DynamicTable key={i} head={v} rows={v} />)}
  </>;
};
ForgeReconciler.render(<App />);
`

// Components and hooks that are given what they cannot use leave the view as it is: it is drawn,
// and goes on.
func TestCarelessViews(t *testing.T) {
	const fn = "ui:main"
	s := perform(t, newEngine(t), map[string]string{"src/ui.jsx": carelessView}, nil, bundle.Interface{Key: "main", File: "src/ui.jsx"})
	tree := last(s.event(fn, `{"type":"open"}`))
	for _, want := range []string{"pressed 0", "pressed 1"} {
		if tree == nil || !strings.Contains(tree.text(), want) || strings.Contains(tree.text(), "could not show this") {
			if tree != nil {
				t.Fatalf("not %q: %.300s", want, tree.text())
			}
			t.Fatal("nothing is drawn")
		}
		tree = last(s.click(fn, tree.all("Button")[0], "onClick"))
	}
	// Anybody can write an address that means nothing.
	if tree = last(s.click(fn, tree.all("Button")[1], "onClick")); !strings.Contains(tree.text(), "key %zz") {
		t.Errorf("%.300s", tree.text())
	}
}
