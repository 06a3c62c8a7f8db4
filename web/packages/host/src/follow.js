// The connection over which a view's tree comes. Browsers open six connections to a host for
// requests, over all of a person's tabs: views that held one each would leave none for what is
// done in them. So it is a socket, of which they open hundreds; where something between does
// not let one through, or lets one open and nothing over it, it is a request all the same.
import { session } from './ask.js';

const patience = 10_000; // the server says something at once, or when it has the view from another

// A socket came through the last time: where one does not now, there may be no connection. Where
// the next one does not either, the page is perhaps in another network.
let through = false;

/**
 * follow hands on each line that a view says after the one that was seen, until the signal or
 * the connection ends. It gives the refusal, if there is one, and throws where there is no
 * connection at all.
 */
export async function follow(view, seen, signal, take) {
  const end = await bySocket(view, seen, signal, take);
  if (end.open || signal.aborted) return end.refused;
  if (through) {
    through = false;
    throw new TypeError('there is no connection');
  }
  return byRequest(view, seen, signal, take);
}

function bySocket(view, seen, signal, take) {
  return new Promise((resolve, reject) => {
    let socket;
    const end = { open: false, refused: null };
    try {
      socket = new WebSocket(`${location.protocol === 'http:' ? 'ws' : 'wss'}://${location.host}/bridge/ui/${view}/socket`);
    } catch {
      return resolve(end); // no browser without them; a policy may forbid it
    }
    const stop = () => {
      clearTimeout(late);
      socket.close();
      resolve(end);
    };
    const late = setTimeout(stop, patience);
    signal.addEventListener('abort', stop);
    socket.onopen = () => { if (!signal.aborted) socket.send(JSON.stringify({ session: session(), seen })); };
    socket.onmessage = ({ data }) => {
      clearTimeout(late);
      end.open = through = true;
      if (signal.aborted) return;
      const told = data.startsWith('{"refused":') ? JSON.parse(data) : null;
      if (told) end.refused = told.refused;
      else take(data);
    };
    socket.onclose = ({ wasClean }) => {
      clearTimeout(late);
      signal.removeEventListener('abort', stop);
      if (end.open && !wasClean && !signal.aborted) reject(new TypeError('the connection broke'));
      else resolve(end);
    };
  });
}

async function byRequest(view, seen, signal, take) {
  const res = await fetch(`/bridge/ui/${view}/stream`, {
    method: 'POST', credentials: 'omit', cache: 'no-store', signal, headers: { 'content-type': 'application/json', authorization: `Bearer ${session()}` }, body: JSON.stringify({ seen }),
  });
  if (!res.ok) return (await res.json().catch(() => ({}))).error ?? { kind: [404, 409, 410].includes(res.status) ? 'conflict' : '' };
  const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done || signal.aborted) return null;
    rest += value;
    const lines = rest.split('\n');
    rest = lines.pop();
    for (const line of lines) if (line.trim()) take(line);
  }
}
