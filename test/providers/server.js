// An authorization server made with the npm package oidc-provider, as its documentation says:
// PKCE demanded, refresh tokens replaced at each use, and a whole grant withdrawn when one is
// used twice. It says in lines of JSON where it listens and what it gave out. With AGREE=page a
// person has to press a button in it; without, everything is agreed to.
import { createServer } from 'node:http';
import Provider, { interactionPolicy } from 'oidc-provider';

const [issuer, ...redirects] = process.argv.slice(2);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'annex-app', client_secret: 'client-secret-x', redirect_uris: redirects, grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_basic', response_types: ['code'],
    }],
    scopes: ['openid', 'offline_access', 'profile'],
    claims: { openid: ['sub'], profile: ['name'] },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, name: `${sub} of the provider` }) }),
    pkce: { required: () => true },
    rotateRefreshToken: true,
    features: { devInteractions: { enabled: false }, revocation: { enabled: true }, userinfo: { enabled: true } },
    interactions: { url: (_, i) => `/agree/${i.uid}`, policy: interactionPolicy.base() },
    cookies: { keys: ['not a secret: this server lives as long as a test'] },
  });
  provider.on('grant.success', (ctx) => say({ event: ctx.oidc.params.grant_type }));
  provider.on('grant.error', (ctx, err) => say({ event: 'refused', error: err.error, description: err.error_description }));
  provider.on('grant.revoked', () => say({ event: 'withdrawn' }));
  provider.proxy = true; // the test stands where TLS ends
  const handle = provider.callback();
  server.on('request', async (req, res) => {
    if (!req.url.startsWith('/agree/')) return handle(req, res);
    // The person is Alice.
    const { prompt, params, session } = await provider.interactionDetails(req, res);
    if (prompt.name === 'login') return provider.interactionFinished(req, res, { login: { accountId: 'alice' } });
    if (process.env.AGREE === 'page' && req.method !== 'POST') {
      res.setHeader('content-type', 'text/html');
      return res.end(`<!doctype html><html lang="en"><title>Music</title><body style="font: 1.1rem system-ui; margin: 4rem auto; max-width: 30rem"><h1>Music</h1><p>May ${params.client_id} use the account of ${session.accountId}?<p>${params.scope}<form method="post"><button>Agree</button></form>`);
    }
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
  });
  say({ listens: `127.0.0.1:${server.address().port}` });
});
