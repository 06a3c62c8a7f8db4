// pdfkit: a page with text
import assert from 'node:assert/strict';
// partly: standard fonts are imported one by one, as its form for browsers asks
import PDFDocument, { registerStdFonts } from 'pdfkit';
import Helvetica from 'pdfkit/standard-fonts/Helvetica';
registerStdFonts(Helvetica);
export async function run() {
  const doc = new PDFDocument();
  const parts = [];
  doc.on('data', (c) => parts.push(c));
  doc.fontSize(20).text('Hello');
  doc.end();
  await new Promise((done) => doc.on('end', done));
  assert.match(Buffer.concat(parts).toString('latin1'), /^%PDF-1\.\d[^]*%%EOF\s*$/);
}
