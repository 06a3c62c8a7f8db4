import React, { useEffect, useState } from 'react';
import ForgeReconciler, {
  Button, Checkbox, EmptyState, Form, FormFooter, Inline, Label, Lozenge, ProgressBar, SectionMessage, Spinner, Stack, Text, Textfield, User, UserPicker,
} from '@forge/react';
import { invoke, showFlag } from '@forge/bridge';

const Item = ({ item, onToggle, onRemove }) => (
  <Inline spread="space-between" alignBlock="center">
    <Checkbox isChecked={item.done} label={item.text} onChange={() => onToggle(item)} />
    <Inline space="space.050" alignBlock="center">
      {item.who && <User accountId={item.who} hideDisplayName />}
      <Button appearance="subtle" iconBefore="trash" onClick={() => onRemove(item)}>Remove</Button>
    </Inline>
  </Inline>
);

const App = () => {
  const [items, setItems] = useState(null);
  const [text, setText] = useState('');
  const [who, setWho] = useState(null);
  const [problem, setProblem] = useState(null);

  // call asks the resolver and shows what it says.
  const call = async (key, payload) => {
    try {
      setItems(await invoke(key, payload));
      setProblem(null);
      return true;
    } catch (err) {
      setProblem(err.message);
      return false;
    }
  };

  useEffect(() => { call('list'); }, []);

  const add = async () => {
    if (text.trim() === '') return;
    if (!await call('add', { text, who: who?.id })) return;
    setText('');
    setWho(null);
  };
  const remove = async (item) => {
    if (await call('remove', { id: item.id })) showFlag({ id: 'removed', type: 'info', title: `Removed “${item.text}”`, isAutoDismiss: true });
  };

  if (problem === null && items === null) return <Spinner label="Loading the checklist" />;
  const done = (items ?? []).filter((item) => item.done).length;
  return (
    <Stack space="space.150">
      {problem && <SectionMessage appearance="error" title="That did not work"><Text>{problem}</Text></SectionMessage>}
      {items?.length > 0 && (
        <Inline space="space.100" alignBlock="center">
          <Lozenge appearance={done === items.length ? 'success' : 'inprogress'}>{done} of {items.length} done</Lozenge>
          <ProgressBar value={done / items.length} ariaLabel="Progress" />
        </Inline>
      )}
      {items?.length === 0 && <EmptyState header="Nothing to do yet" description="Add the first item below." />}
      {items?.map((item) => <Item key={item.id} item={item} onToggle={({ id }) => call('toggle', { id })} onRemove={remove} />)}
      <Form onSubmit={add}>
        <Label labelFor="new-item">New item</Label>
        <Textfield id="new-item" value={text} placeholder="What is to be done?" onChange={(e) => setText(e.target.value)} />
        <UserPicker name="who" label="Who does it" value={who} onChange={setWho} />
        <FormFooter><Button type="submit" appearance="primary" isDisabled={text.trim() === ''}>Add</Button></FormFooter>
      </Form>
    </Stack>
  );
};

ForgeReconciler.render(<React.StrictMode><App /></React.StrictMode>);
