// What is stored: the key that reports are signed with, and one entry for each report. Reports
// come in at the same time, so that none of them reads a list to write it back.
import kvs, { WhereConditions } from '@forge/kvs';

const KEPT = 20;
const SECRET = 'signing-key';

export async function signingKey() {
  return (await kvs.getSecret(SECRET)) ?? renewKey();
}

export async function renewKey() {
  const key = [...crypto.getRandomValues(new Uint8Array(24))].map((b) => b.toString(16).padStart(2, '0')).join('');
  await kvs.setSecret(SECRET, key);
  return key;
}

const prefix = (issue) => `build:${issue}:`;

export async function add(report) {
  const at = new Date().toISOString();
  await kvs.set(`${prefix(report.issue)}${at}:${crypto.randomUUID().slice(0, 8)}`, { ...report, at });
  const all = await entries(report.issue);
  for (const { key } of all.slice(KEPT)) await kvs.delete(key);
}

/** The reports of an issue, the latest first. */
export const list = async (issue) => (await entries(issue)).slice(0, KEPT).map(({ value }) => value);

async function entries(issue) {
  const { results } = await kvs.query().where('key', WhereConditions.beginsWith(prefix(issue))).limit(100).getMany();
  return results.sort((a, b) => (a.key < b.key ? 1 : -1));
}
