// The issuer is away: what the gateway knows goes on, what it cannot know is not blamed on the token.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { signingKey } from './support/issuer.mjs';
import { until } from './support/wait.mjs';
import { World } from './support/world.mjs';

/** The gateway may wait ten seconds between two fetches that unknown key ids caused. */
const REFETCHED_MS = 20_000;

let world;
let gateway;
let issuer;
const stranger = await signingKey('never-published');

before(async () => {
  world = await World.start();
  ({ gateway, issuer } = world);
});
after(() => world?.stop());

test('while the issuer is down, tokens by known keys go on', async () => {
  const known = await issuer.clientCredentials('accounts');
  const unused = await issuer.clientCredentials('accounts');
  assert.equal((await gateway.request({ path: '/accounts', token: known })).status, 200);
  await issuer.stop();
  for (let turn = 0; turn < 10; turn += 1) {
    assert.equal((await gateway.request({ path: '/accounts', token: known })).status, 200);
  }
  assert.equal((await gateway.request({ path: '/accounts', token: unused })).status, 200, 'its key is known, though it is not');
});

test('while the issuer is down, a token by an unknown key gets 503 with Retry-After and never 401', async () => {
  for (let turn = 0; turn < 10; turn += 1) {
    const answer = await gateway.request({ path: '/accounts', token: await issuer.forge(stranger, 'accounts') });
    assertUnavailable(answer);
  }
});

test('when the issuer is back and does not know the key either, the token is refused', async () => {
  const token = await issuer.forge(stranger, 'accounts');
  await issuer.start();
  const answer = await until('the token to be refused', async () => {
    const answer = await gateway.request({ path: '/accounts', token });
    if (answer.status !== 401) assertUnavailable(answer);
    return answer.status === 401 && answer;
  }, { within: REFETCHED_MS, every: 100 });
  assert.match(answer.challenge, /error="invalid_token"/);
});

test('a gateway started while the issuer is down is live, not ready, and answers 503 until the issuer is there', async () => {
  const token = await issuer.clientCredentials('accounts');
  await issuer.stop();
  await gateway.stop();
  await gateway.start({ until: 'livez' });
  assert.equal((await gateway.admin('/readyz')).status, 503);
  assertUnavailable(await gateway.request({ path: '/accounts', token }));
  assert.equal((await gateway.request({ path: '/accounts' })).status, 401, 'no issuer is needed to miss a token');

  await issuer.start();
  await gateway.becomes('readyz', 200);
  assert.equal((await gateway.request({ path: '/accounts', token })).status, 200);
});

test('no token shows in any output', async () => {
  assert.deepEqual(await world.leaks(), []);
});

function assertUnavailable(answer) {
  assert.equal(answer.status, 503, answer.text);
  assert.ok(Number(answer.headers['retry-after']) > 0, 'it says when to come back');
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  assert.equal(answer.challenge, undefined, 'the token is not to blame');
}
