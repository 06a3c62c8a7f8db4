// A demo of its own for the tests: the shipped binary, on free ports, in a folder that
// goes with it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as wait } from 'node:timers/promises';
import { chromium } from 'playwright-core';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const annex = join(root, 'bin', 'annex');

/** start takes further arguments of `annex demo` and of the browser. */
export async function start({ demo = [], browser: flags = [] } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'annex-browser-'));
  const server = spawn(annex, ['demo', '--data', dir, '--listen', '127.0.0.1:0', ...demo], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  server.stdout.on('data', (d) => (said += d));
  const ready = join(dir, 'demo.json');
  for (let n = 0; !existsSync(ready); n++) {
    if (server.exitCode !== null || n > 300) throw new Error(`the demo did not start: ${said}`);
    await wait(100);
  }
  const access = JSON.parse(readFileSync(ready, 'utf8'));
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', ...flags],
  });
  return {
    access,
    browser,
    annex, // the command
    // operatorToken is the one that an empty data directory gets.
    operatorToken: () => readFileSync(join(dir, 'operator.token'), 'utf8').trim(),
    // run runs the annex command and gives its JSON.
    async run(token, cwd, ...args) {
      return this.tell('', token, cwd, ...args);
    },
    // tell is run with something to read.
    async tell(input, token, cwd, ...args) {
      const p = spawn(annex, [...args, '--json'], { cwd, env: { ...process.env, ANNEX_URL: access.url, ANNEX_TOKEN: token } });
      p.stdin.end(input);
      let out = '';
      p.stdout.on('data', (d) => (out += d));
      const [code] = await once(p, 'close');
      if (code !== 0) throw new Error(`annex ${args.join(' ')}: ${code}: ${out}`);
      return JSON.parse(out);
    },
    // login runs annex login, with credentials in a folder of its own.
    login(cwd) {
      const env = { ...process.env, XDG_CONFIG_HOME: join(cwd, 'config') };
      delete env.ANNEX_TOKEN;
      const p = spawn(annex, ['login', '--device', '--url', access.url], { cwd, env });
      let err = '', out = '';
      p.stdout.on('data', (d) => (out += d));
      const code = new Promise((found) => p.stderr.on('data', (d) => {
        err += d;
        const typed = /Type\s+(\S+)/.exec(err);
        if (typed) found(typed[1]);
      }));
      const done = once(p, 'close').then(([status]) => {
        if (status !== 0) throw new Error(`annex login: ${status}: ${err}`);
        return out;
      });
      return { code, done, again: async () => (await once(spawn(annex, ['whoami'], { cwd, env, stdio: 'ignore' }), 'close'))[0] };
    },
    async stop() {
      await browser.close();
      server.kill('SIGINT');
      if (server.exitCode === null) await once(server, 'exit');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
