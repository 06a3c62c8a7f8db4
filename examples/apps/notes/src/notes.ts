import kvs, { WhereConditions } from '@forge/kvs';

export interface Note {
  issue: string;
  text: string;
  at: string;
}

const key = (issue: string) => `note:${issue}`;

export async function read(issue: string): Promise<Note | null> {
  return (await kvs.get<Note>(key(issue))) ?? null;
}

export async function write(issue: string, text: string): Promise<Note> {
  if (!/^[A-Z][A-Z0-9]*-\d+$/.test(issue)) throw new Error(`"${issue}" is not an issue key`);
  if (text.length > 1000) throw new Error('a note has at most 1,000 characters');
  const note = { issue, text, at: new Date().toISOString() };
  await kvs.set(key(issue), note);
  return note;
}

export async function all(): Promise<Note[]> {
  const notes: Note[] = [];
  let cursor: string | undefined;
  do {
    let query = kvs.query().where('key', WhereConditions.beginsWith('note:')).limit(20);
    if (cursor) query = query.cursor(cursor);
    const page = await query.getMany<Note>();
    notes.push(...page.results.map((r) => r.value));
    cursor = page.nextCursor;
  } while (cursor);
  return notes;
}
