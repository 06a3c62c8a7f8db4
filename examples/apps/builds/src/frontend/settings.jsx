import React, { useEffect, useState } from 'react';
import ForgeReconciler, { Button, CodeBlock, Heading, SectionMessage, Spinner, Stack, Text } from '@forge/react';
import { invoke } from '@forge/bridge';

const example = ({ url, key }) => `body='{"issue":"DEMO-1","build":"142","result":"passed","branch":"main"}'
sig=$(printf %s "$body" | openssl dgst -sha256 -hmac ${key} | sed 's/.* //')
curl -H "x-signature-256: sha256=$sig" -d "$body" ${url}`;

const App = () => {
  const [settings, setSettings] = useState(null);
  const [problem, setProblem] = useState(null);
  const ask = (name) => invoke(name).then(setSettings, (err) => setProblem(err.message));
  useEffect(() => { ask('settings'); }, []);

  if (problem) return <SectionMessage appearance="error" title="That did not work"><Text>{problem}</Text></SectionMessage>;
  if (!settings) return <Spinner label="Reading the settings" />;
  return (
    <Stack space="space.200" alignInline="stretch">
      <Text>A build server sends a report to this address, signed with the key. It appears beside the issue.</Text>
      <Heading size="small">Address</Heading>
      <CodeBlock text={settings.url} language="text" />
      <Heading size="small">Try it</Heading>
      <CodeBlock text={example(settings)} language="bash" shouldWrapLongLines />
      <Button onClick={() => ask('renew')}>Make another key</Button>
    </Stack>
  );
};

ForgeReconciler.render(<React.StrictMode><App /></React.StrictMode>);
