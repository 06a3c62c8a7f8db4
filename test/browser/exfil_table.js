// Writes the table of docs/exfiltration.md: what each way out let through.
export function table(rows, version) {
  const cell = (n) => (n === null ? '–' : n === 0 ? '0' : `**${n}**`);
  return `# What leaves a page

Written by \`make test-browser EXFIL_TABLE=docs/exfiltration.md\` (${version}). A hostile page tries each way out, and a hostile app of UI Kit each prop that can hold an address or CSS, in the platform's own element in a product's page that has no policy;
servers on the same machine catch requests, handshakes, name look-ups and datagrams. [pages.md](pages.md) says what bounds a page.

- **nothing granted**: everything that was caught, a look-up of a name too.
- **Forge's shape**: the same page under the published shape of Forge's policy and frame, nothing declared; everything that was caught. For a prop of UI Kit: what a renderer that believes it would draw there.
- **granted**: \`fetch.client\` (https and wss) and \`images\` are granted for the hosts that are tried; requests and datagrams that arrived.
- **no policy**: everything that was caught of a page and a frame without any; for a prop, of the same drawing. Where this is 0 too, the browser opens that way to no frame, and the row says nothing.

| way out | nothing granted | Forge's shape | granted | no policy |
|---|---:|---:|---:|---:|
${rows.map((r) => `| ${r.channel} | ${cell(r.nothing_granted)} | ${cell(r.baseline)} | ${cell(r.granted)} | ${cell(r.open ?? null)} |`).join('\n')}
`;
}
