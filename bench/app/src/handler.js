// The handler that every system under test runs: parse JSON, await once, return 1 KB
// of JSON. The counter at module scope tells a fresh instance (always 1) from a reused
// one (grows), so that a benchmark cannot be won by not isolating.
let calls = 0;
const filler = 'x'.repeat(40);

export async function handle(body) {
  const input = JSON.parse(body);
  await null;
  calls += 1;
  const items = [];
  for (let i = 0; i < 14; i++) items.push({ id: i, name: input.name, note: filler });
  return JSON.stringify({ calls, total: input.values.length, items });
}
