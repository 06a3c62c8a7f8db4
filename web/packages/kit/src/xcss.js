// The style prop of Box and Pressable. Properties are an allow-list; a value is a design
// token or matches the small grammar of its property, which holds no address and no
// function that could make one. What does not match is left out.
import { token } from './tokens.js';

const SIDES = ['', 'Block', 'BlockStart', 'BlockEnd', 'Inline', 'InlineStart', 'InlineEnd', 'Top', 'Right', 'Bottom', 'Left'];
/** @type {Record<string, Parameters<typeof token>[1]>} */
const KINDS = {};
const kind = (k, ...names) => names.forEach((n) => { KINDS[n] = k; });
for (const side of SIDES) {
  kind('length', `padding${side}`, `margin${side}`);
  kind('color', `border${side}Color`);
  kind('line', `border${side}Width`);
  kind('word', `border${side}Style`);
  kind('border', `border${side}`);
}
kind('color', 'color', 'backgroundColor', 'outlineColor', 'textDecorationColor', 'caretColor');
kind('line', 'outlineWidth');
kind('border', 'outline');
kind('radius', 'borderRadius', 'borderTopLeftRadius', 'borderTopRightRadius', 'borderBottomLeftRadius', 'borderBottomRightRadius',
  'borderStartStartRadius', 'borderStartEndRadius', 'borderEndStartRadius', 'borderEndEndRadius');
kind('length', 'width', 'height', 'minWidth', 'maxWidth', 'minHeight', 'maxHeight', 'inlineSize', 'blockSize', 'minInlineSize', 'maxInlineSize',
  'minBlockSize', 'maxBlockSize', 'gap', 'rowGap', 'columnGap', 'flexBasis', 'top', 'right', 'bottom', 'left', 'inset', 'insetBlock', 'insetBlockStart',
  'insetBlockEnd', 'insetInline', 'insetInlineStart', 'insetInlineEnd', 'textIndent', 'letterSpacing', 'outlineOffset', 'gridTemplateColumns',
  'gridTemplateRows', 'gridAutoColumns', 'gridAutoRows', 'aspectRatio', 'lineHeight');
kind('number', 'opacity', 'flexGrow', 'flexShrink', 'order', 'flex', 'gridColumn', 'gridRow', 'gridColumnStart', 'gridColumnEnd', 'gridRowStart',
  'gridRowEnd');
kind('weight', 'fontWeight');
kind('size', 'fontSize', 'font');
kind('shadow', 'boxShadow');
kind('word', 'display', 'position', 'overflow', 'overflowX', 'overflowY', 'alignItems', 'alignContent', 'alignSelf', 'justifyContent', 'justifyItems',
  'justifySelf', 'placeItems', 'placeContent', 'placeSelf', 'flexDirection', 'flexWrap', 'flexFlow', 'textAlign', 'textDecoration', 'textDecorationLine',
  'textDecorationStyle', 'textOverflow', 'textTransform', 'whiteSpace', 'wordBreak', 'overflowWrap', 'verticalAlign', 'fontStyle', 'cursor',
  'visibility', 'outlineStyle', 'boxSizing', 'objectFit', 'isolation', 'userSelect', 'pointerEvents', 'gridAutoFlow', 'float', 'clear', 'listStyleType');

// One piece of a value: a number with its unit, a word, or a sign between them.
const PIECE = /(?:\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})(?:px|%|r?em|ch|ex|lh|vh|vw|vmin|vmax|fr)?(?![\w.%])|[a-z]+(?:-[a-z]+)*(?![\w.])|[(),/+*\s-]/y;
const FUNCTIONS = { length: ['calc', 'min', 'max', 'clamp', 'minmax', 'repeat', 'fit-content'] };

/** pieces tells whether a value is made of pieces alone, with only the functions that compute lengths. */
function pieces(v, k) {
  let word = '';
  for (PIECE.lastIndex = 0; PIECE.lastIndex < v.length;) {
    const m = PIECE.exec(v);
    if (!m) return false;
    if (m[0] === '(' && !FUNCTIONS[k]?.includes(word) && !/^[(*+,/\s-]?$/.test(word)) return false;
    if (m[0] === '(' && !FUNCTIONS[k]) return false;
    word = m[0];
  }
  return v !== '';
}

const GRAMMAR = {
  length: pieces,
  radius: pieces,
  line: pieces,
  size: pieces,
  number: pieces,
  word: pieces,
  weight: /^(?:[1-9]00|normal|bold|bolder|lighter)$/,
  color: /^(?:#[0-9a-f]{3,8}|[a-z]{3,20}|(?:rgb|rgba|hsl|hsla)\([0-9.,%\s/deg]{1,60}\))$/i,
  shadow: /^none$/,
};
// Nothing that an app draws may lie over what the platform draws.
const POSITIONS = new Set(['static', 'relative', 'absolute']);
const DISPLAYS = /^(?:block|inline|flex|grid|none|inline-(?:block|flex|grid)|contents|flow-root)$/;

/** The states that a rule may be for, and the selector of each. */
export const STATES = {
  ':hover': ':hover', ':active': ':active', ':focus': ':focus', ':focus-visible': ':focus-visible', ':focus-within': ':focus-within', ':disabled': ':disabled',
  ':first-child': ':first-child', ':last-child': ':last-child', '&:hover': ':hover', '&:active': ':active', '&:focus': ':focus',
};

/**
 * declare answers the declaration of one property, or null.
 * @param {string} name  in camel case
 * @param {unknown} value
 * @returns {[property: string, value: string] | null}
 */
export function declare(name, value) {
  if (!Object.hasOwn(KINDS, name)) return null;
  const k = KINDS[name];
  const property = name.replace(/[A-Z]/g, (c) => '-' + c.toLowerCase());
  if (typeof value === 'number' && Number.isFinite(value)) {
    const plain = k === 'number' || k === 'weight' || name === 'lineHeight' || name === 'aspectRatio' || value === 0;
    return [property, plain ? String(value) : `${value}px`];
  }
  if (typeof value !== 'string' || value.length > 200) return null;
  const v = value.trim();
  if (name === 'font') return token(v, 'size') ? ['font-size', token(v, 'size')] : null;
  if (name === 'position') return POSITIONS.has(v) ? [property, v] : null;
  if (name === 'display') return DISPLAYS.test(v) ? [property, v] : null;
  if (k === 'border') {
    const parts = v.split(/\s+/).map((part) => one(part, 'line') ?? one(part, 'color'));
    return parts.length <= 3 && parts.every(Boolean) ? [property, parts.join(' ')] : null;
  }
  const whole = one(v, k);
  if (whole !== null) return [property, whole];
  if (k === 'length' || k === 'radius' || k === 'line') {
    const parts = v.split(/\s+/).map((part) => one(part, k));
    if (parts.length > 1 && parts.length <= 4 && parts.every(Boolean)) return [property, parts.join(' ')];
  }
  return null;
}

function one(v, k) {
  const known = token(v, k);
  if (known !== null) return known;
  const grammar = GRAMMAR[k];
  return (typeof grammar === 'function' ? grammar(v, k) : grammar?.test(v)) ? v : null;
}

/**
 * compile answers the declarations of a style prop, by state ('' is none).
 * @param {unknown} style
 * @returns {Map<string, [string, string][]>}
 */
export function compile(style) {
  const rules = new Map();
  const add = (state, from) => {
    for (const [name, value] of Object.entries(from)) {
      const d = declare(name, value);
      if (d) (rules.get(state) ?? rules.set(state, []).get(state)).push(d);
      else if (state === '' && Object.hasOwn(STATES, name) && isRecord(value)) add(STATES[name], value);
    }
  };
  const walk = (s) => {
    if (Array.isArray(s)) s.forEach(walk);
    else if (isRecord(s)) add('', s);
  };
  walk(style);
  return rules;
}

const isRecord = (v) => !!v && typeof v === 'object' && !Array.isArray(v);

/**
 * Styles writes compiled styles into a sheet, one class for equal styles. Values go
 * through the CSS object model, property by property: no text of an app is parsed as a
 * rule.
 */
export class Styles {
  #sheet = new CSSStyleSheet();
  #names = new Map();

  constructor(document) {
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, this.#sheet];
    this.document = document;
  }

  /** @param {unknown} style */
  name(style) {
    if (!style) return '';
    const rules = compile(style);
    if (rules.size === 0) return '';
    const id = JSON.stringify([...rules]);
    let name = this.#names.get(id);
    if (name) return name;
    name = `kx${this.#names.size}`;
    if (this.#names.size >= 5000) return ''; // an app that makes styles without end has drawn enough
    this.#names.set(id, name);
    for (const [state, declarations] of rules) {
      const at = this.#sheet.insertRule(`.k-root .${name}${state} {}`, this.#sheet.cssRules.length);
      for (const [property, value] of declarations) this.#sheet.cssRules[at].style.setProperty(property, value);
    }
    return name;
  }

  drop() {
    this.document.adoptedStyleSheets = this.document.adoptedStyleSheets.filter((s) => s !== this.#sheet);
  }
}
