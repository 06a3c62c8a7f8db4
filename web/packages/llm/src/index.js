// @annex/llm: language models. Not offered.
import { notOffered } from '@annex/runtime/faults';

export const chat = notOffered('chat');
export const stream = notOffered('stream');
export const list = notOffered('list');
export default { chat, stream, list };
