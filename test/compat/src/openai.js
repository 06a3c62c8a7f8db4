// openai: a chat completion, a streamed one, an error's status
import assert from 'node:assert/strict';
import OpenAI from 'openai';
export async function run() {
  const client = new OpenAI({ apiKey: 'sk-1', maxRetries: 0 });
  const made = await client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'hi' }] });
  assert.equal(made.choices[0].message.content, 'hello');
  let text = '';
  for await (const part of await client.chat.completions.create({ model: 'm', messages: [], stream: true })) text += part.choices[0].delta.content;
  assert.equal(text, 'hello there');
  const err = await client.models.retrieve('none').catch((e) => e);
  assert.equal(err.status, 404);
}
