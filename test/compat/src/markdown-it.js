// markdown-it: markdown to HTML with tables
import assert from 'node:assert/strict';
import MarkdownIt from 'markdown-it';
export async function run() {
  assert.match(new MarkdownIt({ linkify: true }).render('|a|\n|-|\n|https://example.com|\n'), /<td><a href="https:\/\/example.com">/);
}
