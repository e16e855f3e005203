// A real Prometheus reads a real gateway, evaluates the rules, and wakes the operator for what happens and for nothing else.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { freePorts } from './support/ports.mjs';
import { DASHBOARDS, Prometheus, queries } from './support/prometheus.mjs';
import { until } from './support/wait.mjs';
import { World } from './support/world.mjs';

const ROUTES = `
  - { path: /accounts, methods: [GET, HEAD], scopes: [accounts], upstream: api, service: ais }
  - { path: /payments, methods: [POST], scopes: [payments], upstream: api, service: pis }
  - { path: /funds, methods: [GET], access: open, upstream: api, service: funds }`;

let world;
let prometheus;
let traffic;
let tokens;

before(async () => {
  world = await World.create();
  const { gateway, issuer, upstream } = world;
  const configuration = gateway.configuration(ROUTES)
    .replace('refetch: 10s', 'refetch: 10s, stale_max: 14s')
    .replace('servers: [', 'health: { path: /up, interval: 1s, timeout: 1s, healthy: 1, unhealthy: 2, status: 204 }, servers: [');
  gateway.configuration = () => configuration;
  await Promise.all([issuer.start(), upstream.start()]);
  await gateway.start();
  tokens = { accounts: await issuer.clientCredentials('accounts'), payments: await issuer.clientCredentials('payments') };
  const [port] = await freePorts(1);
  prometheus = new Prometheus(path.join(world.folder, 'prometheus'), port, gateway.adminPort);
  traffic = new Traffic(gateway);
  await prometheus.start();
  await until('the gateway to be known', async () => (await prometheus.query('up == 1')).length === 1 && (await prometheus.firing()).length === 0);
});
after(async () => {
  await traffic?.stop();
  await prometheus?.stop();
  await world?.stop();
});

test('while all is well nobody is woken, though third parties make mistakes', async () => {
  traffic.start();
  const since = Date.now();
  await until('the windows to be full', () => Date.now() - since > 12_000, { within: 20_000, every: 500 });
  assert.deepEqual(await prometheus.fired(since), []);
  // What was counted is what was sent, as far as it was scraped.
  const [{ value }] = await prometheus.query('sum(scopegate_service_requests_total{service="ais",fault="none"})');
  assert.ok(Number(value[1]) > 50, value[1]);
});

test('every query of the dashboards is understood, and has something to show', async () => {
  for (const file of DASHBOARDS) {
    for (const { title, expr, mayBeEmpty } of await queries(file)) {
      const series = await prometheus.query(expr);
      assert.ok(series.length > 0 || mayBeEmpty, `${path.basename(file)}, ${title}: nothing by ${expr}`);
    }
  }
});

test('the indicators of the rules are those that the log gives', async () => {
  const of = async (name, service) => Number((await prometheus.query(`${name}{service="${service}"}`))[0].value[1]);
  for (const service of ['ais', 'pis', 'funds']) {
    assert.equal(await of('scopegate:service_availability:1d', service), 1);
    assert.equal(await of('scopegate:service_error_ratio:1d', service), 0);
    const lines = (await readFile(world.gateway.accessLog, 'utf8')).trim().split('\n').map((line) => JSON.parse(line));
    const times = lines.filter((line) => line.service === service && line.status < 400).map((line) => line.duration_us - (line.received_us ?? 0));
    const mean = times.reduce((sum, one) => sum + one, 0) / times.length / 1e6;
    const theirs = await of('scopegate:service_response_seconds:mean1d', service);
    // Refused requests are in the histogram, and quick; windows end between scrapes.
    assert.ok(theirs > mean / 4 && theirs < mean * 4, `${service}: ${theirs} against ${mean}`);
  }
});

test('an upstream that is killed is told of, and that of it which clients notice', async () => {
  const since = Date.now();
  await world.upstream.stop();
  const expected = [
    'ScopegateErrorBudgetBurnsFast', 'ScopegateErrorBudgetBurnsSlowly', 'ScopegateRefusalsJump', 'ScopegateServiceDown',
    'ScopegateUpstreamDown', 'ScopegateUpstreamServerDown',
  ];
  await allFire(expected, since);
  await world.upstream.start();
  await nothingFires();
  assert.deepEqual(await prometheus.fired(since), expected);
});

test('a configuration that is refused is one', async () => {
  const since = Date.now();
  const good = world.gateway.configuration();
  await world.gateway.configure(good.replace('scopes: [accounts]', 'scops: [accounts]'));
  world.gateway.signal('SIGHUP');
  await allFire(['ScopegateReloadFailed'], since);
  await world.gateway.configure(good);
  world.gateway.signal('SIGHUP');
  await nothingFires();
  assert.deepEqual(await prometheus.fired(since), ['ScopegateReloadFailed']);
});

test('an issuer whose keys are gone is told as such, first stale and then away', async () => {
  await traffic.stop();
  const since = Date.now();
  await world.issuer.stop();
  await allFire(['ScopegateIssuerKeysGone', 'ScopegateIssuerKeysStale'], since);
  await world.issuer.start();
  await nothingFires();
  assert.deepEqual(await prometheus.fired(since), ['ScopegateIssuerKeysGone', 'ScopegateIssuerKeysStale']);
});

test('a gateway that is gone is one alert', async () => {
  const since = Date.now();
  await world.gateway.stop();
  await allFire(['ScopegateDown'], since);
  assert.deepEqual(await prometheus.fired(since), ['ScopegateDown']);
});

async function allFire(expected, since) {
  let fired;
  await until(`${expected.join(', ')} to fire`, async () => {
    fired = await prometheus.fired(since);
    return expected.every((name) => fired.includes(name));
  }, { within: 50_000, every: 500 }).catch((late) => {
    throw new Error(`${late.message}; what fired: ${fired.join(', ')}`);
  });
}

async function nothingFires() {
  await until('every alert to end', async () => (await prometheus.firing()).length === 0, { within: 60_000, every: 500 });
}

/** Third parties that call each service, one of them with a token that covers too little, all the time. */
class Traffic {
  constructor(gateway) {
    this.gateway = gateway;
  }

  start() {
    this.goes = true;
    this.over = this.#go();
  }

  async stop() {
    this.goes = false;
    await this.over;
  }

  async #go() {
    for (let turn = 0; this.goes; turn += 1) {
      await Promise.allSettled([
        this.gateway.request({ path: '/accounts', token: tokens.accounts }),
        this.gateway.request({ path: '/payments', method: 'POST', body: '{}', token: tokens.payments }),
        this.gateway.request({ path: '/funds' }),
        turn % 20 === 0 && this.gateway.request({ path: '/accounts', token: tokens.payments }),
      ]);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
