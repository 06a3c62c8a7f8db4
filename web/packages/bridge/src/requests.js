// Requests to the product, made by the host as the user who is present. The page passes what
// it wants, and gets a Response; it never sees with what the request was allowed.

const base64 = async (blob) => {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = '';
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text);
};

/** bytesOf reads base64, with or without the head of a data URL. */
export function bytesOf(text) {
  const raw = atob(text.includes(',') ? text.slice(text.indexOf(',') + 1) : text);
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}

async function taken(init) {
  const { body, headers, method } = init ?? {};
  const out = { method: String(method ?? 'GET'), headers: [...new Headers(headers ?? {}).entries()] };
  if (body === undefined || body === null || out.method.toUpperCase() === 'GET') return out;
  if (typeof body === 'string') return { ...out, body };
  const r = new Response(body); // forms, blobs, buffers, parameters: as fetch would send them
  const type = r.headers.get('content-type');
  if (type && !out.headers.some(([k]) => k === 'content-type')) out.headers.push(['content-type', type]);
  return { ...out, body: await base64(await r.blob()), encoding: 'base64' };
}

// latin writes a text as a header can hold it: the bytes of its UTF-8, as a browser would
// have read them. A file's name in a header is not always in the letters of a header.
const latin = (text) => (/[^\u0000-\u00ff]/.test(text) ? String.fromCharCode(...new TextEncoder().encode(text)) : text);

export function makeRequests(ask) {
  const answer = ({ body, isAttachment, headers, status, statusText }) =>
    new Response([101, 204, 205, 304].includes(status) ? null : isAttachment ? bytesOf(body) : (body ?? ''), {
      headers: Object.entries(headers ?? {}).map(([k, v]) => [k, latin(String(v))]), status, statusText: latin(statusText ?? ''),
    });
  const requestProduct = async (product, restPath, init) =>
    answer(await ask('fetchProduct', { product: String(product), restPath: String(restPath), fetchRequestInit: await taken(init), isMultipartFormData: false }));
  return {
    requestProduct,
    requestJira: (path, init) => requestProduct('jira', path, init),
    requestConfluence: (path, init) => requestProduct('confluence', path, init),
    requestBitbucket: (path, init) => requestProduct('bitbucket', path, init),
    requestRemote: async (remoteKey, wanted) => {
      const { path, ...init } = wanted ?? {};
      return answer(await ask('fetchRemote', { remoteKey: String(remoteKey), fetchRequestInit: { path: String(path ?? ''), ...await taken(init) } }));
    },
  };
}
