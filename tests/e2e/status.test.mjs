// The gateway's status page in a real browser, under load: it answers three questions at a glance, moves while requests come,
// and is fit to be looked at on a phone and in the dark.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from './support/browser.mjs';
import { Load } from './support/load.mjs';
import { Stage } from './support/stage.mjs';
import { until } from './support/wait.mjs';
import { createServer } from 'node:http';
import { once } from 'node:events';

/** The page looks again every five seconds, at what is taken down every five. */
const MOVES_MS = 20_000;
const ROUTES = `
  - { path: /accounts, methods: [GET], scopes: [accounts], upstream: api }
  - { path: "/accounts/{id}", methods: [GET], scopes: [accounts], upstream: api }
  - { path: /payments, methods: [POST], scopes: [payments], upstream: api }`;

let gateway;
let browser;
let upstream;
let load;

before(async () => {
  upstream = createServer((_, response) => setTimeout(() => response.end('{}'), 1 + Math.random() * 6)).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  gateway = await Stage.before(upstream.address().port, { routes: ROUTES, server: 'workers: 2' });
  await gateway.start();
  browser = await Browser.start();
});
after(async () => {
  await load?.stop();
  await browser?.stop();
  await gateway?.remove();
  upstream?.close();
});

/** Mostly good, some refused for want of a scope, of a token, or because the token is old. */
function traffic() {
  const good = gateway.token('accounts');
  const bad = [1, 2, 3].map((tpp) => gateway.token('accounts', { client_id: `tpp-budget-app-${tpp}` }));
  const old = gateway.token('accounts', { exp: Math.floor(Date.now() / 1000) - 3600 });
  let turn = 0;
  return () => {
    turn += 1;
    if (turn % 40 === 0) return { path: '/payments', method: 'POST', token: bad[turn % 120 === 0 ? 0 : turn % 80 === 0 ? 1 : 2] };
    if (turn % 55 === 0) return { path: '/accounts', token: old };
    if (turn % 70 === 0) return { path: '/accounts' };
    return { path: `/accounts/${turn % 9}`, token: good };
  };
}

const page = (target = '/status') => `http://127.0.0.1:${gateway.adminPort}${target}`;
const snapshot = async () => JSON.parse((await gateway.admin('/status.json')).text);

test('a chart moves while requests come', async () => {
  const visitor = await browser.visitor('moving');
  await visitor.open(page());
  const rate = async () => /Requests\s+([\d.,]+)\/s/.exec(await visitor.text())?.[1];
  assert.equal(await rate(), '0');
  assert.match(await visitor.heading(), /Serving/);
  load = new Load({ port: gateway.port, connections: 4, next: traffic() });
  // Without a reload: who looks does nothing.
  await until('the number to move', async () => Number((await rate()).replace(',', '')) > 1, { within: MOVES_MS, every: 200 });
  await until('the refused to be named', async () => /scope_missing/.test(await visitor.text()), { within: MOVES_MS, every: 200 });
  await until('the clients to be named', async () => /tpp-budget-app-1/.test(await visitor.text()), { within: MOVES_MS, every: 200 });
  assert.deepEqual(visitor.faults, []);
  await visitor.leave();
});

test('what is shown is what is counted', async () => {
  const total = () => gateway.admin('/metrics').then(({ text }) => [...text.matchAll(/^scopegate_requests_total\{.*\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0));
  const before = await total();
  const { traffic: shown } = await snapshot();
  assert.ok(before <= shown.requests_total && shown.requests_total <= await total());
});

test('a reload that was refused is what changed last, and says why', async () => {
  const visitor = await browser.visitor('reload');
  await gateway.configure(gateway.configuration().replace('scopes: [payments]', 'scopes: []'));
  await visitor.open(page());
  const answer = await gateway.request({ port: gateway.adminPort, method: 'POST', path: '/reload' });
  assert.equal(answer.status, 422);
  await until('the page to say so', async () => /Reload refused/.test(await visitor.text()), { within: MOVES_MS, every: 200 });
  assert.match(await visitor.text(), /routes\[2\]\.scopes/);
  await gateway.configure(gateway.configuration());
  assert.equal((await gateway.request({ port: gateway.adminPort, method: 'POST', path: '/reload' })).status, 200);
  assert.deepEqual(visitor.faults, []);
  await visitor.leave();
});

for (const colorScheme of ['light', 'dark']) {
  for (const width of [360, 768, 1280, 1600]) {
    test(`it can be read at ${width} px in the ${colorScheme}`, async () => {
      const visitor = await browser.visitor(`status-${width}-${colorScheme}`, { viewport: { width, height: 800 }, colorScheme });
      await visitor.open(page());
      const text = await visitor.text();
      for (const question of ['Is it up?', 'Is it refusing more than usual?', 'What changed last?']) assert.ok(text.includes(question));
      assert.deepEqual(visitor.faults, []);
      await visitor.leave();
    });
  }
}

test('without scripts it is there too', async () => {
  const visitor = await browser.visitor('plain', { javaScriptEnabled: false });
  await visitor.open(page());
  assert.match(await visitor.text(), /As of 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC/);
  await visitor.leave();
});

test('who looks is told when nobody answers any more', async () => {
  const visitor = await browser.visitor('stale');
  await visitor.open(page());
  await load.stop();
  await gateway.stop();
  await until('the page to say so', async () => /No answer: what you see is old/.test(await visitor.text()), { within: MOVES_MS, every: 200 });
  await visitor.leave();
});
