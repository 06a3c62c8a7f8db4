import React, { useCallback, useEffect, useState } from 'react';
import ForgeReconciler, { Button, Inline, Lozenge, SectionMessage, Spinner, Stack, Text, Strong } from '@forge/react';
import { invoke } from '@forge/bridge';

const days = (n) => (n === 0 ? 'today' : n === 1 ? 'yesterday' : `${n} days ago`);
const who = (person) => (person === null ? 'nobody' : person.isMe ? 'you' : person.name);

const Summary = ({ of }) => (
  <Stack space="space.100">
    <Inline space="space.100" alignBlock="center" shouldWrap>
      <Lozenge appearance={of.status.done ? 'success' : 'inprogress'}>{of.status.name}</Lozenge>
      {of.priority && <Lozenge>{of.priority}</Lozenge>}
      {of.quiet && <Lozenge appearance="moved">Quiet for {of.quiet} days</Lozenge>}
    </Inline>
    <Text>Opened {days(of.age)} by {who(of.reporter)}, now with <Strong>{who(of.assignee)}</Strong>.</Text>
    {of.last
      ? <Text>{of.comments === 1 ? 'One comment' : `${of.comments} comments`}, the last by {who(of.last.by)}: “{of.last.text}”</Text>
      : <Text>Nobody has commented yet.</Text>}
  </Stack>
);

const App = () => {
  const [summary, setSummary] = useState(null);
  const [problem, setProblem] = useState(null);

  // Where the person has not agreed yet, the host asks them and opens the panel again.
  const read = useCallback(async () => {
    try {
      setSummary(await invoke('summary'));
      setProblem(null);
    } catch (err) {
      setProblem(err.code === 'NEEDS_AUTHENTICATION_ERR' ? 'To sum up this issue, the app reads it as you. You decide whether it may.' : err.message);
    }
  }, []);
  useEffect(() => { read(); }, [read]);

  if (problem) return <SectionMessage appearance="information" title="No summary yet"><Text>{problem}</Text></SectionMessage>;
  if (!summary) return <Spinner label="Reading the issue" />;
  return (
    <Stack space="space.150" alignInline="start">
      <Summary of={summary} />
      <Button spacing="compact" iconBefore="refresh" onClick={read}>Read again</Button>
    </Stack>
  );
};

ForgeReconciler.render(<React.StrictMode><App /></React.StrictMode>);
