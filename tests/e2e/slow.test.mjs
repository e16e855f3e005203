// Hundreds of clients that are slow on purpose, by a program that others wrote (HTTP-36). The others do not notice. What
// they would notice without the attack is measured at the same time, on a gateway beside it that nobody attacks: whatever
// else the machine does, it does to both.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, test } from 'node:test';

import { paced, percentile } from './support/paced.mjs';
import { slowhttptest } from './support/slowhttptest.mjs';
import { Stage } from './support/stage.mjs';
import { until } from './support/wait.mjs';

const SECONDS = 20;
const CONNECTIONS = 400;
const RATE = 50;
/** What a loaded machine adds to anything, in milliseconds. */
const NOISE_MS = 20;
const MIB = 1024 * 1024;
/** What the allocator may keep of the buffers of hundreds of connections. It does not grow with more of them: `hostile`. */
const KEPT_BYTES_MAX = 24 * MIB;
const LARGE = Buffer.alloc(MIB, 'x');
const ROUTES = `
  - { path: /accounts, methods: [GET], scopes: [accounts], upstream: api }
  - { path: "/open/{*rest}", methods: [GET, HEAD, POST], access: open, upstream: api }`;
/** How to run it, and how many connections it has open at once; the third mode asks for much and holds nothing open. */
const MODES = [
  ['-H', 'slow heads', CONNECTIONS * 0.9, ['-H', '-i', '2', '-x', '24', '-t', 'GET']],
  ['-B', 'slow bodies', CONNECTIONS * 0.9, ['-B', '-i', '2', '-s', '8192', '-x', '10', '-t', 'POST']],
  ['-R', 'overlapping ranges', 0, ['-R', '-a', '5', '-b', '2000', '-t', 'HEAD']],
  ['-X', 'slow reading', CONNECTIONS * 0.9, ['-X', '-w', '1', '-y', '512', '-n', '2', '-z', '5', '-k', '3']],
];

let upstream;
let [gateway, control] = [];
let resting;

before(async () => {
  upstream = http.createServer((incoming, outgoing) => {
    incoming.resume().on('error', () => {}).on('end', () => outgoing.end(incoming.url.endsWith('large') ? LARGE : 'here'));
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const settings = { routes: ROUTES, server: 'workers: 2', limits: 'head_timeout: 15s, stall_timeout: 15s' };
  [gateway, control] = [await Stage.before(upstream.address().port, settings), await Stage.before(upstream.address().port, settings)];
  for (const one of [gateway, control]) {
    await one.start();
    const { failures } = await ask(one, (ms) => ms > 1000);
    assert.deepEqual(failures, []);
  }
});
after(async () => {
  await gateway?.remove();
  await control?.remove();
  upstream?.closeAllConnections();
  upstream?.close();
});

for (const [mode, name, least, args] of MODES) {
  test(`${name} (slowhttptest ${mode}) hold up nobody else`, async () => {
    // Before the first attack.
    resting ??= await gateway.memory();
    let isOver = false;
    let [most, report] = [0, ''];
    const before = await requests();
    const attack = slowhttptest([...args, '-c', `${CONNECTIONS}`, '-r', '200', '-u', `http://127.0.0.1:${gateway.port}/open/large`], SECONDS)
      .then((text) => (report = text)).finally(() => (isOver = true));
    const count = until('the attack to end', async () => {
      most = Math.max(most, await gateway.metric('scopegate_connections'));
      return isOver;
    }, { within: 90_000, every: 500 });
    const begun = performance.now();
    const [{ times, failures }, beside] = await Promise.all([gateway, control].map((one) => ask(one, () => isOver)));
    const seconds = (performance.now() - begun) / 1000;
    await Promise.all([attack, count]);

    const [slowest, quiet] = [percentile(times, 99), percentile(beside.times, 99)];
    await until('the slow ones to be gone', async () => await gateway.metric('scopegate_connections') < 5, { within: 30_000, every: 200 });
    const memory = await gateway.memory();
    console.log(`${mode}: ${most} connections at most for ${seconds.toFixed(0)} s, ${times.length} answers beside them; p99 ${slowest.toFixed(1)} ms, ${quiet.toFixed(1)} ms where nobody attacks; ` +
      `${(resting / MIB).toFixed(1)} MiB before all, ${(memory / MIB).toFixed(1)} after`);
    assert.ok(most > least && await requests() - before >= (least === 0 ? CONNECTIONS : 0), `${most} connections at once:\n${report}`);
    assert.deepEqual(failures, []);
    assert.ok(times.length > RATE * seconds * 0.5, `${times.length} answers in ${seconds} s`);
    assert.ok(slowest <= 2 * quiet + NOISE_MS, `p99 ${slowest} ms, ${quiet} ms where nobody attacks`);
    assert.ok(memory < resting + KEPT_BYTES_MAX, `${resting} bytes before, ${memory} after`);
  });
}

/** How many requests on the open route were answered. */
async function requests() {
  const { text } = await gateway.admin('/metrics');
  const lines = text.split('\n').filter((line) => line.startsWith('scopegate_requests_total') && line.includes('/open/'));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

function ask(one, isOver) {
  return paced({ port: one.port, path: '/accounts', token: one.token('accounts'), rate: RATE, until: isOver });
}
