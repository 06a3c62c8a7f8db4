// Documents (ADF) as people write them in a plain field: paragraphs, headings, lists,
// quotes, code and a few marks, in the notation that most know. What the notation cannot
// say is kept as its text.

/**
 * fromText makes a document of a text.
 * @param {string} text
 */
export function fromText(text) {
  const content = [];
  const lines = String(text).replace(/\r\n?/g, '\n').split('\n');
  let paragraph = [];
  const end = () => {
    if (paragraph.length) content.push({ type: 'paragraph', content: breaks(paragraph) });
    paragraph = [];
  };
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i];
    let m;
    if (line.trim() === '') {
      end();
    } else if ((m = /^```(\w*)\s*$/.exec(line))) {
      end();
      const code = [];
      while (++i < lines.length && !/^```\s*$/.test(lines[i])) code.push(lines[i]);
      content.push({ type: 'codeBlock', attrs: m[1] ? { language: m[1] } : {}, content: code.length ? [{ type: 'text', text: code.join('\n') }] : [] });
    } else if ((m = /^(#{1,6})\s+(.*)$/.exec(line))) {
      end();
      content.push({ type: 'heading', attrs: { level: m[1].length }, content: inline(m[2]) });
    } else if (/^(?:-{3,}|\*{3,})\s*$/.test(line)) {
      end();
      content.push({ type: 'rule' });
    } else if ((m = /^\s*(?:([-*+])|\d+[.)])\s+(.*)$/.exec(line))) {
      end();
      const type = m[1] ? 'bulletList' : 'orderedList';
      const last = content.at(-1);
      const list = last?.type === type && lines[i - 1]?.trim() !== '' ? last : { type, content: [] };
      if (list !== last) content.push(list);
      list.content.push({ type: 'listItem', content: [{ type: 'paragraph', content: inline(m[2]) }] });
    } else if ((m = /^>\s?(.*)$/.exec(line))) {
      end();
      const last = content.at(-1);
      const quoted = { type: 'paragraph', content: inline(m[1]) };
      if (last?.type === 'blockquote' && /^>/.test(lines[i - 1] ?? '')) last.content.push(quoted);
      else content.push({ type: 'blockquote', content: [quoted] });
    } else {
      paragraph.push(line);
    }
  }
  end();
  return { type: 'doc', version: 1, content };
}

function breaks(lines) {
  return lines.flatMap((line, i) => (i ? [{ type: 'hardBreak' }, ...inline(line)] : inline(line)));
}

const MARKS = /(\*\*|__)(?=\S)(.{1,2000}?)(?<=\S)\1|(~~)(?=\S)(.{1,2000}?)(?<=\S)~~|`([^`]{1,2000})`|(?<![\w*_])([*_])(?=\S)([^*_]{1,2000}?)(?<=\S)\6(?![\w*_])|\[([^\]]{1,1000})\]\(([^\s()]{1,2000})\)/;

/**
 * inline makes texts with marks of one line.
 * @param {string} text
 * @param {object[]} [marks]
 */
export function inline(text, marks = []) {
  if (text.length > 20_000) return [{ type: 'text', text }];
  const out = [];
  let rest = String(text);
  const plain = (t) => t && out.push(marks.length ? { type: 'text', text: t, marks } : { type: 'text', text: t });
  for (let m; marks.length < 4 && (m = MARKS.exec(rest)); rest = rest.slice(m.index + m[0].length)) {
    plain(rest.slice(0, m.index));
    if (m[1]) out.push(...inline(m[2], [...marks, { type: 'strong' }]));
    else if (m[3]) out.push(...inline(m[4], [...marks, { type: 'strike' }]));
    else if (m[5]) out.push({ type: 'text', text: m[5], marks: [...marks, { type: 'code' }] });
    else if (m[6]) out.push(...inline(m[7], [...marks, { type: 'em' }]));
    else out.push(...inline(m[8], [...marks, { type: 'link', attrs: { href: m[9] } }]));
  }
  plain(rest);
  return out;
}

/**
 * toText writes a document in the notation that fromText reads.
 * @param {unknown} doc
 * @returns {string}
 */
export function toText(doc, depth = 0) {
  if (typeof doc === 'string') return doc;
  if (!doc || typeof doc !== 'object' || depth > 50) return '';
  const parts = (sep) => (Array.isArray(doc.content) ? doc.content : []).map((c) => toText(c, depth + 1)).join(sep);
  const items = (lead) => (Array.isArray(doc.content) ? doc.content : []).map((c, i) => lead(i) + toText(c, depth + 1)).join('\n');
  switch (doc.type) {
    case 'text': return marked(doc);
    case 'hardBreak': return '\n';
    case 'heading': return `${'#'.repeat(Math.min(6, Math.max(1, Number(doc.attrs?.level) || 1)))} ${parts('')}`;
    case 'paragraph': return parts('');
    case 'bulletList': return items(() => '- ');
    case 'orderedList': return items((i) => `${i + 1}. `);
    case 'listItem': return parts('\n');
    case 'codeBlock': return `\`\`\`${String(doc.attrs?.language ?? '')}\n${(doc.content ?? []).map((c) => c?.text ?? '').join('')}\n\`\`\``;
    case 'blockquote': return parts('\n').split('\n').map((l) => `> ${l}`).join('\n');
    case 'rule': return '---';
    case 'mention': case 'emoji': case 'status': return String(doc.attrs?.text ?? doc.attrs?.shortName ?? '');
    case 'date': return new Date(Number(doc.attrs?.timestamp) || 0).toISOString().slice(0, 10);
    case 'inlineCard': case 'blockCard': return String(doc.attrs?.url ?? '');
    default: return parts('\n\n');
  }
}

function marked(node) {
  let t = String(node.text ?? '');
  for (const mark of Array.isArray(node.marks) ? node.marks : []) {
    if (mark?.type === 'strong') t = `**${t}**`;
    else if (mark?.type === 'em') t = `_${t}_`;
    else if (mark?.type === 'strike') t = `~~${t}~~`;
    else if (mark?.type === 'code') t = `\`${t}\``;
    else if (mark?.type === 'link') t = `[${t}](${String(mark.attrs?.href ?? '')})`;
  }
  return t;
}
