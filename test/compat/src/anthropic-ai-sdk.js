// @anthropic-ai/sdk: a message, a streamed one
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
export async function run() {
  const client = new Anthropic({ apiKey: 'sk-2', maxRetries: 0 });
  const made = await client.messages.create({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] });
  assert.equal(made.content[0].text, 'hello');
  let text = '';
  for await (const event of client.messages.stream({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] })) if (event.type === 'content_block_delta') text += event.delta.text;
  assert.equal(text, 'hello there');
}
