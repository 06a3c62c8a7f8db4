// form-data: a form with a file, sent by fetch and by its own submit
import assert from 'node:assert/strict';
import FormData from 'form-data';
export async function run() {
  const make = () => {
    const form = new FormData();
    form.append('a', '1');
    form.append('file', Buffer.from('contents'), { filename: 'a.txt', contentType: 'text/plain' });
    return form;
  };
  const form = make();
  const buffered = await (await fetch('https://api.example.com/echo', { method: 'POST', body: form.getBuffer(), headers: form.getHeaders() })).json();
  assert.match(buffered.headers['content-type'], /^multipart\/form-data; boundary=/);
  assert.match(buffered.body, /filename="a.txt"[^]*contents/);
  const streamed = await (await fetch('https://api.example.com/echo', { method: 'POST', body: make() })).json();
  assert.match(streamed.body, /contents/);
}
