// The issuer changes its keys while third parties go on working.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { KEYS_REFRESH_MS } from './support/gateway.mjs';
import { signingKey } from './support/issuer.mjs';
import { Load, relapses } from './support/load.mjs';
import { until } from './support/wait.mjs';
import { World } from './support/world.mjs';

/** One fetch may have begun before the issuer changed, and one may fall into its restart; the rest is slack. */
const FETCHED_MS = 2 * KEYS_REFRESH_MS + 4_000;

let world;
let tokens;
let load;
const [first, second] = await Promise.all([signingKey('old-key'), signingKey('new-key')]);

before(async () => {
  world = await World.create();
  world.issuer.keys = [first];
  await Promise.all([world.issuer.start(), world.upstream.start()]);
  await world.gateway.start();
  tokens = [{ kind: 'old', token: await world.issuer.clientCredentials('accounts') }];
});
after(async () => {
  await load?.stop();
  await world?.stop();
});

test('no request is lost while a new key comes and the old one stays for an overlap', async () => {
  startLoad();
  await progress('old', 100);
  await world.issuer.restart([second, first]);
  tokens.push({ kind: 'new', token: await world.issuer.clientCredentials('accounts') });
  await until('tokens by the new key to be let through', () => load.of('new').some(({ status }) => status === 200),
    { within: FETCHED_MS });
  await progress('new', 100);
  await load.stop();

  assert.deepEqual(load.lost, []);
  assert.deepEqual(load.of('old').filter(({ status }) => status !== 200), [], 'tokens by the old key never notice');
  const waited = load.of('new').filter(({ status }) => status !== 200);
  // The gateway has not asked the issuer since: it cannot know the key, and must not blame the token.
  assert.ok(waited.every(asksForPatience), JSON.stringify(waited[0]));
  assert.deepEqual(relapses(load.of('new'), 200), [], 'once known, the key stays known');
});

test('when the issuer drops the old key, its tokens are refused within the refresh period', async () => {
  startLoad();
  await progress('old', 10);
  await world.issuer.restart([second]);
  await until('tokens by the old key to be refused', () => load.of('old').some(({ status }) => status === 401),
    { within: FETCHED_MS });
  await progress('old', 20);
  await load.stop();

  assert.deepEqual(load.lost, []);
  assert.deepEqual(load.of('new').filter(({ status }) => status !== 200), []);
  const others = load.of('old').filter(({ status }) => ![200, 401].includes(status));
  assert.ok(others.every(asksForPatience), JSON.stringify(others[0]));
  assert.deepEqual(relapses(load.of('old'), 401), [], 'a verdict of before the change is not used again');
});

test('no token shows in any output', async () => {
  assert.deepEqual(await world.leaks(), []);
});

function asksForPatience({ status, retryAfter }) {
  return status === 503 && Number(retryAfter) > 0;
}

/** Continuous requests, each with the next of the tokens that exist at that time. */
function startLoad() {
  let turn = 0;
  const next = () => ({ path: '/accounts', ...tokens[turn++ % tokens.length] });
  load = new Load({ port: world.gateway.port, connections: 4, next });
}

/** Waits for further requests of a kind. */
function progress(kind, count) {
  const goal = load.of(kind).length + count;
  return until(`${count} more requests with the ${kind} token`, () => load.of(kind).length >= goal || load.lost.length > 0);
}
