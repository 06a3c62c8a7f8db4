package main

import (
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/infra/bundle"
)

const first = `
import ForgeUI, { render, Fragment, IssuePanel, Text, Button, Form, TextField, Select, Option, Table, Head, Row, Cell, useState, useEffect, useAction, useProductContext, ThreeLOPrompt } from '@forge/ui';
const Counter = ({ by }) => {
  const [n, add] = useAction((n, x) => n + x, 1);
  return <Button text={'n is ' + n} onClick={() => add(by)} />;
};
const App = () => {
  const { accountId, platformContext } = useProductContext();
  const [slow] = useState(async () => { await new Promise((done) => setTimeout(done, 2)); return 'waited'; });
  const [seen, see] = useState('');
  const [saved, save] = useState(null);
  useEffect(async () => { await see('effect of ' + slow); }, [slow]);
  return <Fragment>
    <Text>**{accountId}** on {platformContext.issueKey}</Text>
    <Text>{slow}, {seen}</Text>
    {[2, 3].map((by) => <Counter by={by} />)}
    <Form onSubmit={(data) => save(data)}>
      <TextField name="title" label="Title" defaultValue="none" />
      <Select name="color" label="Color"><Option label="Red" value="red" defaultSelected /><Option label="Blue" value="blue" /></Select>
    </Form>
    <Table><Head><Cell><Text>h</Text></Cell></Head>{['a', 'b'].map((x) => <Row><Cell><Text content={x} /></Cell></Row>)}</Table>
    {saved && <Text>{JSON.stringify(saved)}</Text>}
  </Fragment>;
};
export const run = render(<IssuePanel><App /></IssuePanel>);
`

// An app of the first UI Kit keeps its states over events, waits for initial values, runs its
// effects after drawing and gives a form's values to whoever submits it.
func TestFirstUIKit(t *testing.T) {
	s := perform(t, newEngine(t), map[string]string{"src/index.jsx": first}, []string{"index.run"})
	tree := last(s.event("index.run", `{"type":"open"}`))
	if text := tree.text(); !strings.Contains(text, "alice on T-1") || !strings.Contains(text, "waited, effect of waited") {
		t.Fatal(text)
	}
	if strong := tree.all("Strong"); len(strong) != 1 || strong[0].text() != "alice" {
		t.Errorf("the text's markup: %v", strong)
	}
	tree = last(s.click("index.run", tree.all("Button")[1], "onClick"))
	tree = last(s.click("index.run", tree.all("Button")[0], "onClick"))
	if a, b := tree.all("Button")[0].text(), tree.all("Button")[1].text(); a != "n is 3" || b != "n is 4" {
		t.Errorf("%s, %s", a, b)
	}
	tree = last(s.click("index.run", tree.all("Textfield")[0], "onChange", map[string]any{"target": map[string]any{"value": "x"}}))
	if tree.all("Textfield")[0].Props["value"] != "x" {
		t.Errorf("%v", tree.all("Textfield")[0].Props)
	}
	tree = last(s.click("index.run", tree.all("Form")[0], "onSubmit"))
	if text := tree.text(); !strings.Contains(text, `{"title":"x","color":"red"}`) {
		t.Error(text)
	}
	if n := len(tree.all("Cell")); n != 3 {
		t.Errorf("%d cells", n)
	}
}

const second = `
import React, { Suspense, createContext, lazy, memo, useCallback, useContext, useDeferredValue, useEffect, useId, useMemo, useReducer, useRef, useState, useTransition } from 'react';
import ForgeReconciler, { Box, Button, DynamicTable, Form, Heading, I18nProvider, InlineEdit, Modal, ModalBody, Popup, SectionMessage, SectionMessageAction, Stack, Text, Textfield, Tooltip, useConfig, useForm, useLocation, useNavigate, useParams, usePermissions, useProductContext, useTheme, useTranslation, xcss } from '@forge/react';
import { Modal as BridgeModal, events, invoke, router, showFlag, view } from '@forge/bridge';
view.theme.enable();
const Shared = createContext('none');
class Broken extends React.Component { render() { throw new Error('no'); } }
class Guard extends React.Component {
  state = { failed: false };
  static getDerivedStateFromError() { return { failed: true }; }
  render() { return this.state.failed ? <Text>guarded</Text> : this.props.children; }
}
const Cell = memo(({ name }) => { const [n, set] = useState(0); return <Button testId={name} onClick={() => set((x) => x + 1)}>{name}{n}{useContext(Shared)}</Button>; });
const App = () => {
  const [state, dispatch] = useReducer((s, a) => ({ ...s, ...a }), { items: ['a', 'b'], poll: 0 });
  const first = useRef(true);
  const id = useId();
  const deferred = useDeferredValue(state.items.length);
  const [pending, start] = useTransition();
  const context = useProductContext();
  const { hasPermission, missingPermissions } = usePermissions({ scopes: ['storage:app', 'write:x'] });
  const { t } = useTranslation();
  const { pathname } = useLocation();
  const go = useNavigate();
  const { key } = useParams('/issues/:key');
  const { register, handleSubmit, formState: { errors } } = useForm({ defaultValues: { mail: '' } });
  useEffect(() => { const timer = setInterval(() => dispatch({ tick: true }), 5000); return () => clearInterval(timer); }, []);
  useEffect(() => { first.current = false; events.on('other', (x) => dispatch({ told: x })); }, []);
  const text = useMemo(() => state.items.join(), [state.items]);
  return <Shared.Provider value="!"><Stack>
    <Text>{text} {deferred} {String(pending)} {context.accountId} {useTheme().colorMode} {String(useConfig())} {t('none', 'otherwise')} {pathname} {String(key)} {String(state.told)} {String(state.tick)}</Text>
    <Text>{String(hasPermission)} {JSON.stringify(missingPermissions)} {id ? 'id' : ''}</Text>
    <Guard><Broken /></Guard>
    {state.items.map((name) => <Cell key={name} name={name} />)}
    <DynamicTable rows={state.items.map((x) => ({ key: x, cells: [{ key: 'c', content: <Cell name={'cell-' + x} /> }] }))} />
    <SectionMessage actions={[<SectionMessageAction key="1" onClick={() => dispatch({ items: [...state.items, 'z'] })}>more</SectionMessageAction>]}><Text>m</Text></SectionMessage>
    <Tooltip content="tip"><Button testId="reverse" onClick={useCallback(() => start(() => dispatch({ items: [...state.items].reverse() })), [state.items])}>reverse</Button></Tooltip>
    <Popup isOpen content={() => <Cell name="popup" />} trigger={() => <Button>t</Button>} />
    <InlineEdit defaultValue="v" readView={() => <Text>read</Text>} editView={(props) => <Textfield {...props} />} onConfirm={() => {}} />
    <Box xcss={xcss({ color: 'color.text' })}><Heading as="h2">h</Heading></Box>
    <Button testId="go" onClick={() => go('/issues/T-7?x=1')}>go</Button>
    <Button testId="modal" onClick={() => new BridgeModal({ resource: 'main', onClose: (x) => dispatch({ told: x }) }).open()}>modal</Button>
    <Button testId="flag" onClick={() => { const f = showFlag({ title: 'hi' }); f.close(); router.navigate('/x'); view.submit({ a: 1 }); }}>flag</Button>
    <Form onSubmit={handleSubmit((v) => dispatch({ told: v.mail }))}><Textfield {...register('mail', { required: true, pattern: /@/g })} />{errors.mail && <Text>bad: {errors.mail.type}</Text>}</Form>
  </Stack></Shared.Provider>;
};
ForgeReconciler.render(<React.StrictMode><I18nProvider><App /></I18nProvider></React.StrictMode>);
`

func marked(n *node, mark string) *node {
	for _, b := range n.all("Button") {
		if b.Props["testId"] == mark {
			return b
		}
	}
	return nil
}

// React's components run as they are written for it: hooks, context, boundaries, elements in
// props, functions that give elements; what they ask of the page becomes an effect.
func TestUIKit(t *testing.T) {
	const fn = "ui:main"
	s := perform(t, newEngine(t), map[string]string{"src/ui.jsx": second}, nil, bundle.Interface{Key: "main", File: "src/ui.jsx"})
	tree := last(s.event(fn, `{"type":"open","shell":{"theme":{"colorMode":"dark"},"location":"/issues/T-1"}}`))
	if text := tree.text(); !strings.Contains(text, "a,b 2 false alice dark undefined otherwise /issues/T-1 T-1 undefined undefined") ||
		!strings.Contains(text, `false {"scopes":["write:x"]} id`) || !strings.Contains(text, "guarded") {
		t.Fatal(text)
	}
	if s.wake < 1 {
		t.Error("the interval wakes nobody")
	}
	click := func(mark string, args ...any) []message {
		t.Helper()
		b := marked(tree, mark)
		if b == nil {
			t.Fatalf("no button %s", mark)
		}
		out := s.click(fn, b, "onClick", args...)
		if now := last(out); now != nil {
			tree = now
		}
		return out
	}
	click("a")
	click("cell-b")
	click("popup")
	key := marked(tree, "a").Key
	click("reverse")
	if got := marked(tree, "a").text() + marked(tree, "cell-b").text() + marked(tree, "popup").text(); got != "a1!cell-b1!popup1!" || marked(tree, "a").Key != key || !strings.Contains(tree.text(), "b,a 2") {
		t.Errorf("%s %s", got, tree.text())
	}
	for _, action := range tree.all("SectionMessageAction") {
		tree = last(s.click(fn, action, "onClick"))
	}
	if marked(tree, "z") == nil {
		t.Error("an element in a prop was not called")
	}
	effects := func(ms []message) string {
		var out []string
		for _, m := range ms {
			if m.Effect != nil {
				out = append(out, string(m.Effect))
			}
		}
		return strings.Join(out, " ")
	}
	if got := effects(click("go")); !strings.Contains(got, `"location":"/issues/T-7?x=1"`) || !strings.Contains(tree.text(), "/issues/T-7 T-7") {
		t.Errorf("%s %s", got, tree.text())
	}
	if got := effects(click("flag")); !strings.Contains(got, "showFlag") || !strings.Contains(got, "closeFlag") || !strings.Contains(got, `"submit","payload":{"payload":{"a":1}}`) {
		t.Error(got)
	}
	if got := effects(click("modal")); !strings.Contains(got, `"onClose":{"$fn":"fx:`) {
		t.Error(got)
	}
	tree = last(s.event(fn, `{"type":"event","handle":"fx:1","args":["closed"]}`))
	if !strings.Contains(tree.text(), "closed") {
		t.Error(tree.text())
	}
	tree = last(s.event(fn, `{"type":"shell","event":"event:other","payload":"hello"}`))
	if !strings.Contains(tree.text(), "hello") {
		t.Error(tree.text())
	}
	tree = last(s.click(fn, tree.all("Form")[0], "onSubmit"))
	if !strings.Contains(tree.text(), "bad: required") {
		t.Error(tree.text())
	}
	field := func() *node { return tree.all("Form")[0].all("Textfield")[0] }
	tree = last(s.click(fn, field(), "onChange", map[string]any{"target": map[string]any{"value": "nobody"}}))
	if !strings.Contains(tree.text(), "bad: pattern") {
		t.Error(tree.text())
	}
	tree = last(s.click(fn, field(), "onChange", map[string]any{"target": map[string]any{"value": "bob@example.com"}}))
	tree = last(s.click(fn, tree.all("Form")[0], "onSubmit"))
	if !strings.Contains(tree.text(), "bob@example.com") || strings.Contains(tree.text(), "bad") {
		t.Error(tree.text())
	}
	// A pattern that goes on where it stopped matches a value that it matched before.
	for range 2 {
		tree = last(s.click(fn, tree.all("Form")[0], "onSubmit"))
		if strings.Contains(tree.text(), "bad") {
			t.Error(tree.text())
		}
	}
	if n := len(s.parked); n > 1_500_000 {
		t.Errorf("a parked session takes %d bytes", n)
	}
	t.Logf("parked: %d bytes", len(s.parked))
}
