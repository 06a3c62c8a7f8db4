// axios: GET and POST of JSON, interceptors, an error's status, a stream
import assert from 'node:assert/strict';
import axios from 'axios';
export async function run() {
  const client = axios.create({ baseURL: 'https://api.example.com', headers: { 'X-One': '1' } });
  client.interceptors.request.use((c) => { c.headers.set('X-Two', '2'); return c; });
  const { data, status } = await client.post('/echo', { a: [1, 'ü'] }, { params: { q: 'x y' } });
  assert.equal(status, 200);
  assert.deepEqual(JSON.parse(data.body), { a: [1, 'ü'] });
  assert.equal(data.headers['x-one'] + data.headers['x-two'], '12');
  assert.match(data.url, /q=x(\+|%20)y/);
  const err = await axios.get('https://api.example.com/status/404').catch((e) => e);
  assert.ok(axios.isAxiosError(err));
  assert.equal(err.response.status, 404);
  const bytes = await axios.get('https://api.example.com/bytes', { responseType: 'arraybuffer' });
  assert.equal(Buffer.from(bytes.data).toString('hex'), '00ff10');
}
