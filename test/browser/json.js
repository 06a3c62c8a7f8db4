// A reporter for programs: how many tests did what was expected of them, and what the
// exfiltration suite counted.
import { existsSync, readFileSync } from 'node:fs';

export default async function* report(events) {
  const stats = { expected: 0, unexpected: 0, flaky: 0, skipped: 0 };
  for await (const e of events) {
    if (e.type !== 'test:pass' && e.type !== 'test:fail' || e.data.details?.type === 'suite') continue;
    if (e.data.skip || e.data.todo) stats.skipped++;
    else if (e.type === 'test:pass') stats.expected++;
    else stats.unexpected++;
  }
  const file = process.env.EXFIL_JSON;
  yield JSON.stringify({ stats, exfil: file && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [] }, null, 1) + '\n';
}
