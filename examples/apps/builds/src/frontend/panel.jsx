import React, { useCallback, useEffect, useState } from 'react';
import ForgeReconciler, { Button, DynamicTable, EmptyState, Link, Lozenge, SectionMessage, Spinner, Stack, Text } from '@forge/react';
import { invoke } from '@forge/bridge';

const colours = { passed: 'success', failed: 'removed', running: 'inprogress' };
const when = (at) => `${at.slice(0, 10)} ${at.slice(11, 16)}`;

const head = { cells: ['Build', 'Result', 'Branch', 'When (UTC)'].map((content) => ({ key: content, content, isSortable: content !== 'Branch' })) };
const row = ({ build, result, branch, url, at }) => ({
  key: at + build,
  cells: [
    { key: build, content: url ? <Link href={url} openNewTab>{build}</Link> : build },
    { key: result, content: <Lozenge appearance={colours[result]}>{result}</Lozenge> },
    { key: branch, content: branch || '—' },
    { key: at, content: when(at) },
  ],
});

const App = () => {
  const [builds, setBuilds] = useState(null);
  const [problem, setProblem] = useState(null);
  const read = useCallback(() => invoke('builds').then(setBuilds, (err) => setProblem(err.message)), []);
  useEffect(() => { read(); }, [read]);

  if (problem) return <SectionMessage appearance="error" title="The builds cannot be read"><Text>{problem}</Text></SectionMessage>;
  if (!builds) return <Spinner label="Reading the builds" />;
  return (
    <Stack space="space.100" alignInline="start">
      {builds.length === 0
        ? <EmptyState header="No builds yet" description="They appear when a build server reports one. An admin finds the address under Admin, Builds." />
        : <DynamicTable caption="Builds of this issue" head={head} rows={builds.map(row)} />}
      <Button spacing="compact" iconBefore="refresh" onClick={read}>Look again</Button>
    </Stack>
  );
};

ForgeReconciler.render(<React.StrictMode><App /></React.StrictMode>);
