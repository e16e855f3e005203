// The door between a certified authorization server and nginx: who comes in, who does not, and what each is told.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Nginx } from './support/nginx.mjs';
import { until } from './support/wait.mjs';
import { World } from './support/world.mjs';

let world;
let gateway;
let issuer;
/** Every answer of this file; at the end no token may show in one. */
const answers = [];

before(async () => {
  world = await World.start();
  ({ gateway, issuer } = world);
});
after(() => world?.stop());

test("a client's own token opens the door, and the upstream learns who is there", async () => {
  const token = await issuer.clientCredentials('accounts');
  const answer = await ask({ path: '/accounts', token });
  assert.equal(answer.status, 200);
  const seen = Nginx.seen(answer);
  assert.equal(seen.x_auth_client_id, 'tpp-machine');
  assert.equal(seen.x_auth_scope, 'accounts');
  assert.equal(seen.x_auth_issuer, issuer.url);
  assert.equal(seen.x_auth_subject_type, 'client');
  assert.equal(seen.x_auth_subject, '', 'a client has no subject that an API could mistake for a customer');
  assert.equal(seen.authorization, '', 'the token ends at the gateway');
});

test("a customer's token from the authorization-code flow with PKCE opens the door", async () => {
  const { accessToken } = await issuer.authorizationCode('accounts payments', 'anna');
  const answer = await ask({ path: '/accounts', token: accessToken });
  assert.equal(answer.status, 200);
  const seen = Nginx.seen(answer);
  assert.equal(seen.x_auth_client_id, 'tpp-web');
  assert.equal(seen.x_auth_subject, 'anna');
  assert.equal(seen.x_auth_subject_type, 'user');
  assert.equal(seen.x_auth_scope, 'accounts payments');
  assert.equal(seen.authorization, '');
});

test('identity headers that the client sends are replaced or removed in every spelling', async () => {
  const token = await issuer.clientCredentials('accounts');
  const headers = { 'X-Auth-Client-Id': 'forged', X_Auth_Subject: 'forged', 'x-auth_subject': 'forged', 'X-TPP-Note': 'kept' };
  const seen = Nginx.seen(await ask({ path: '/accounts', token, headers }));
  assert.equal(seen.x_auth_client_id, 'tpp-machine');
  assert.equal(seen.x_auth_subject, '');
  assert.equal(seen.x_tpp_note, 'kept', 'headers of the client that claim no identity pass');
});

test('one token opens its scope as often as it likes and no other', async () => {
  const token = await issuer.clientCredentials('accounts');
  for (let turn = 0; turn < 20; turn += 1) {
    assert.equal((await ask({ path: '/accounts', token })).status, 200);
    assert.equal((await ask({ method: 'POST', path: '/payments', token, body: '{}' })).status, 403);
  }
});

test('without the scope the answer is 403 and names the scope that is needed', async () => {
  const token = await issuer.clientCredentials('accounts');
  const answer = await refused({ method: 'POST', path: '/payments', token, body: '{}' }, 403);
  assert.match(answer.challenge, /^Bearer realm="[^"]+", error="insufficient_scope"/);
  assert.match(answer.challenge, /\bscope="payments"/);
});

test('without a token the challenge is bare: no error is named', async () => {
  const answer = await refused({ path: '/accounts' }, 401, { body: 'any' });
  assert.match(answer.challenge, /^Bearer realm="[^"]+"/);
  assert.doesNotMatch(answer.challenge, /error/);
});

test('an ID token is not an access token', async () => {
  const { idToken } = await issuer.authorizationCode('accounts', 'berta');
  const answer = await refused({ path: '/accounts', token: idToken }, 401);
  assert.match(answer.challenge, /error="invalid_token"/);
});

test('a tampered token is refused, whichever part was touched', async () => {
  const token = await issuer.clientCredentials('accounts');
  assert.equal((await ask({ path: '/accounts', token })).status, 200, 'the token itself is good, and now known');
  for (const tampered of tamperings(token)) {
    const answer = await refused({ path: '/accounts', token: tampered }, 401);
    assert.match(answer.challenge, /error="invalid_token"/);
  }
});

test('a token in the query is refused even when it is good', async () => {
  const token = await issuer.clientCredentials('accounts');
  const answer = await refused({ path: `/accounts?access_token=${token}` }, 400);
  assert.match(answer.challenge, /error="invalid_request"/);
});

test('a request that is refused never reaches nginx', async () => {
  const token = await issuer.clientCredentials('accounts');
  await refused({ path: '/accounts?mark=without-token' }, 401, { body: 'any' });
  await refused({ path: '/accounts?mark=bad-token', token: `${token}x` }, 401);
  await refused({ method: 'POST', path: '/payments?mark=no-scope', token, body: '{}' }, 403);
  assert.equal((await ask({ path: '/accounts?mark=last', token })).status, 200);
  // nginx logs in the order of arrival: when the last mark is there, an earlier one would be too.
  const marks = await until('nginx to log the last mark', async () => {
    const all = (await world.upstream.requests()).map(({ target }) => target).filter((target) => target.includes('mark='));
    return all.some((target) => target.includes('last')) && all;
  });
  assert.deepEqual(marks, ['/accounts?mark=last']);
});

test('the admin listener is live, ready, and counts what happened', async () => {
  assert.equal((await gateway.admin('/livez')).status, 200);
  assert.equal((await gateway.admin('/readyz')).status, 200);
  const metrics = await gateway.admin('/metrics');
  assert.match(metrics.headers['content-type'], /^text\/plain/);
  assert.match(metrics.text, /^scopegate_requests_total\{.*\} [1-9]/m);
});

test('no token shows in the access log, the metrics, standard error or any answer', async () => {
  const lines = await until('the access log to hold the last request', async () => {
    await gateway.request({ path: '/accounts?mark=flush' });
    const log = (await gateway.outputs())['access log'];
    return log.split('\n').length > answers.length && log;
  }, { every: 200 });
  assert.ok(lines.length > 0);
  assert.ok(issuer.issued.length > 5, 'there are tokens to look for');
  assert.deepEqual(await world.leaks(answers), []);
});

async function ask(options) {
  const answer = await gateway.request(options);
  answers.push(answer);
  return answer;
}

/** Asks, and checks what every refusal has in common (RFC 9457, RFC 9110 §11.6.1, RFC 9111 §3.5). */
async function refused(options, status, { body = 'problem' } = {}) {
  const answer = await ask(options);
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers['cache-control'] ?? '', /no-store/);
  assert.ok(answer.challenge, 'a refusal says how to do better');
  if (body === 'problem') {
    assert.equal(answer.headers['content-type'], 'application/problem+json');
    assert.equal(answer.problem.status, status);
  }
  return answer;
}

/** The token with one part changed at a time, each still of the right form. */
function tamperings(token) {
  const [header, claims, signature] = token.split('.');
  const wider = encode({ ...decode(claims), scope: 'accounts payments' });
  const none = encode({ ...decode(header), alg: 'none' });
  const flipped = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1);
  return [
    `${header}.${wider}.${signature}`,
    `${header}.${claims}.${flipped}`,
    `${header}.${claims}.${signature.slice(0, -2)}`,
    `${header}.${claims}.`,
    `${none}.${claims}.`,
    `${none}.${claims}.${signature}`,
  ];
}

const decode = (part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
