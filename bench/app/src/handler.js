// The handler that every system under test runs: parse JSON, await once, return 1 KB
// of JSON. The counter at module scope tells a fresh instance (always 1) from a reused
// one (grows), so that a benchmark cannot be won by not isolating.
let calls = 0;
const description = 'Open search, choose a filter, reload the page: the filter is gone. '.repeat(14);

export async function handle(body) {
  const input = JSON.parse(body);
  await null;
  calls += 1;
  return JSON.stringify({ calls, issue: { key: input.name, votes: input.values.length, labels: ['search', 'regression'], description } });
}
