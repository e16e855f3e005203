// Opaque tokens of oidc-provider: introspection, revocation there, and an issuer that goes away under load.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { Load } from './support/load.mjs';
import { until } from './support/wait.mjs';
import { World } from './support/world.mjs';

/** How long an answer holds in these tests: the stated bound on a revocation. */
const CACHE_MS = 4_000;
const ROUTES = `
  - { path: /accounts, methods: [GET], scopes: [accounts], upstream: api }
  - { path: "/accounts/{*rest}", methods: [GET], scopes: [accounts], introspect: always, upstream: api }`;

let world;
let gateway;
let issuer;

before(async () => {
  world = await World.create();
  ({ gateway, issuer } = world);
  issuer.accessTokenFormat = 'opaque';
  await writeFile(path.join(world.folder, 'secret'), 'gate-secret-for-tests-only');
  const keys = gateway.configuration.bind(gateway);
  const asked = `introspection: { endpoint: "${issuer.url}/token/introspection", client_id: gate, ` +
    `client_secret: { file: secret }, cache: ${CACHE_MS / 1000}s, negative_cache: 1s, timeout: 2s }`;
  gateway.configuration = () =>
    keys(ROUTES).replace(/ {4}algorithms:.*\n {4}jwks:.*\n/, `    ${asked}\n`);
  await Promise.all([issuer.start(), world.upstream.start()]);
  await gateway.start();
});
after(() => world?.stop());

const get = (token, target = '/accounts') => gateway.request({ path: target, token });

test('the provider is asked about its tokens, and its scopes hold', async () => {
  const token = await issuer.clientCredentials('accounts');
  assert.equal(token.split('.').length, 1, 'it is opaque');
  const answer = await get(token);
  assert.equal(answer.status, 200, answer.text);
  assert.equal((await get(await issuer.clientCredentials('payments'))).status, 403);
  const unknown = await get('nobody-issued-this');
  assert.equal(unknown.status, 401);
  assert.match(unknown.challenge, /error="invalid_token"/);
  assert.match((await gateway.admin('/metrics')).text, /introspections_total\{issuer="op",outcome="active"\} 2/);
});

test('a token revoked at the provider is refused within the stated time, and at once where it is always asked', async () => {
  const token = await issuer.clientCredentials('accounts');
  assert.equal((await get(token)).status, 200);
  await issuer.revoke(token);
  const revoked = performance.now();
  assert.equal((await get(token, '/accounts/1')).status, 401, 'always asked');
  assert.equal((await get(token)).status, 401, 'and now everybody knows');

  const other = await issuer.clientCredentials('accounts');
  assert.equal((await get(other)).status, 200);
  await issuer.revoke(other);
  await until('the revocation to show', async () => (await get(other)).status === 401, { within: CACHE_MS + 2_000 });
  assert.ok(performance.now() - revoked < 2 * CACHE_MS + 4_000);
});

test('the provider stops under load: known tokens go on, new ones get 503, nothing gets 401; it heals by itself', async () => {
  const known = await issuer.clientCredentials('accounts');
  const fresh = await Promise.all(Array.from({ length: 20 }, () => issuer.clientCredentials('accounts')));
  assert.equal((await get(known)).status, 200);
  const answered = performance.now();
  await issuer.stop();
  const load = new Load({
    port: gateway.port,
    next: () => {
      const isKnown = Math.random() < 0.5;
      const token = isKnown ? known : fresh[Math.floor(Math.random() * fresh.length)];
      return { kind: isKnown ? 'known' : 'new', path: '/accounts', token };
    },
  });
  await until('enough answers', () => load.count() > 200 || performance.now() - answered > CACHE_MS, { within: CACHE_MS + 1_000 });
  await load.stop();
  assert.deepEqual(load.lost, []);
  assert.ok(load.of('new').length > 5 && load.of('known').length > 5);
  const within = load.of('known').filter((one) => one.ended - answered < CACHE_MS - 1_000);
  assert.ok(within.length > 0 && within.every((one) => one.status === 200), 'a known token in its time');
  assert.ok(load.of('new').every((one) => one.status === 503 && Number(one.retryAfter) > 0), 'a new token');
  assert.equal(load.count(401), 0);

  await issuer.start();
  const token = await issuer.clientCredentials('accounts');
  await until('the gateway to ask again', async () => {
    const { status } = await get(token);
    assert.ok(status === 200 || status === 503, `${status}`);
    return status === 200;
  }, { within: 15_000 });
});

test('no token shows in any output', async () => {
  const outputs = Object.entries(await gateway.outputs());
  for (const token of issuer.issued) {
    assert.deepEqual(outputs.filter(([, text]) => text.includes(token)).map(([place]) => place), []);
  }
});
