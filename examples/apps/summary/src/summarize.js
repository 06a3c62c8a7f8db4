// What is worth saying about an issue, as data: the panel finds the words and the colours.
const DAY = 24 * 60 * 60 * 1000;
const QUIET_AFTER = 7;

const daysSince = (time, now) => Math.max(0, Math.floor((now - Date.parse(time)) / DAY));

// plain is the text of a document tree.
function plain(node) {
  if (typeof node === 'string') return node;
  if (node?.type === 'text') return node.text;
  return (node?.content ?? []).map(plain).join(node?.type === 'doc' ? ' ' : '');
}

const shorten = (text, most) => (text.length > most ? `${text.slice(0, most - 1).trimEnd()}…` : text);

const person = (user, me) => (user ? { id: user.accountId, name: user.displayName, isMe: user.accountId === me } : null);

export function summarize({ key, fields }, me, now) {
  const comments = fields.comment?.comments ?? [];
  const last = comments.at(-1);
  const done = fields.status.statusCategory?.key === 'done' || fields.status.name === 'Done';
  const quiet = daysSince(fields.updated, now);
  return {
    key,
    status: { name: fields.status.name, done },
    priority: fields.priority?.name ?? null,
    assignee: person(fields.assignee, me),
    reporter: person(fields.reporter, me),
    age: daysSince(fields.created, now),
    quiet: !done && quiet >= QUIET_AFTER ? quiet : null,
    comments: fields.comment?.total ?? comments.length,
    last: last ? { by: person(last.author, me), text: shorten(plain(last.body), 160) } : null,
  };
}
