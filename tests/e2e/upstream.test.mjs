// Between a client and nginx nothing is lost, added or reworded.

import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, test } from 'node:test';

import { announce, oneConnection } from './support/client.mjs';
import { Nginx } from './support/nginx.mjs';
import { until } from './support/wait.mjs';
import { World } from './support/world.mjs';

/** The default bound of request bodies. */
const BODY_BYTES_MAX = 1024 * 1024;
const LARGE = crypto.randomBytes(5 * 1024 * 1024);

let world;
let gateway;
let upstream;
let token;

before(async () => {
  world = await World.start();
  ({ gateway, upstream } = world);
  for (const name of ['large', 'chunked']) await upstream.publish(name, LARGE);
  token = await world.issuer.clientCredentials('accounts payments');
});
after(() => world?.stop());

test('a large answer arrives octet by octet', async () => {
  const answer = await get('/accounts/files/large');
  assert.equal(answer.headers['content-length'], String(LARGE.length));
  assert.ok(answer.body.equals(LARGE));
});

test('an answer of unknown length arrives octet by octet, in chunks', async () => {
  const answer = await get('/accounts/files/chunked');
  assert.equal(answer.headers['transfer-encoding'], 'chunked');
  assert.equal(answer.headers['content-length'], undefined);
  assert.ok(answer.body.equals(LARGE));
});

test('a range of a file passes as a range', async () => {
  const answer = await get('/accounts/files/large', { headers: { range: 'bytes=100-299' } });
  assert.equal(answer.status, 206);
  assert.ok(answer.body.equals(LARGE.subarray(100, 300)));
});

test('a request body at the bound reaches nginx octet by octet', async () => {
  const body = LARGE.subarray(0, BODY_BYTES_MAX);
  const answer = await post(body);
  assert.ok((await upstream.body(answer)).equals(body));
});

test('a chunked request body reaches nginx octet by octet', async () => {
  const body = LARGE.subarray(0, 300_000);
  const answer = await post([body.subarray(0, 1), body.subarray(1, 70_000), body.subarray(70_000)]);
  assert.ok((await upstream.body(answer)).equals(body));
});

test('a request body past the bound is refused before it is sent', async () => {
  const headers = { authorization: `Bearer ${token}`, 'content-length': BODY_BYTES_MAX + 1 };
  const answer = await announce({ port: gateway.port, method: 'POST', path: '/payments', headers });
  assert.equal(answer.status, 413);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
});

test('a body is asked for only when the token has passed', async () => {
  const headers = { expect: '100-continue', 'content-length': 3, 'content-type': 'text/plain' };
  let continued = 0;
  const onContinue = (outgoing) => {
    continued += 1;
    outgoing.end('abc');
  };
  const options = { method: 'POST', path: '/payments', headers, onContinue };
  const answer = await gateway.request({ ...options, token });
  assert.equal(answer.status, 201);
  assert.equal((await upstream.body(answer)).toString(), 'abc');
  assert.equal(continued, 1);

  const refused = await announce({ port: gateway.port, method: 'POST', path: '/payments', headers });
  assert.equal(refused.status, 401);
});

test('HEAD has the header fields of GET and no body', async () => {
  const [head, full] = [await get('/accounts/files/large', { method: 'HEAD' }), await get('/accounts/files/large')];
  assert.equal(head.status, 200);
  assert.equal(head.body.length, 0);
  for (const name of ['content-length', 'etag', 'last-modified', 'content-type']) {
    assert.equal(head.headers[name], full.headers[name], name);
  }
});

test('304 passes without a body, and the connection goes on', async () => {
  const agent = oneConnection();
  const { headers } = await get('/accounts/files/large', { method: 'HEAD', agent });
  const unchanged = await get('/accounts/files/large', { headers: { 'if-none-match': headers.etag }, agent });
  assert.equal(unchanged.status, 304);
  assert.equal(unchanged.body.length, 0);
  const next = await get('/accounts', { agent });
  assert.equal(next.status, 200);
  assert.ok(next.reused, 'on the same connection');
  agent.destroy();
});

test("connections are kept on both sides: the client's own and those to nginx", async () => {
  const agent = oneConnection();
  const seen = new Set();
  for (let turn = 0; turn < 50; turn += 1) {
    const answer = await get('/accounts', { agent });
    assert.equal(answer.status, 200);
    assert.equal(answer.reused, turn > 0);
    seen.add(Nginx.seen(answer).connection);
  }
  agent.destroy();
  // Two, not one: the next request may come before the connection of the last is back in the pool.
  assert.ok(seen.size <= 2, `${seen.size} connections to nginx for one client on one connection`);
});

test('the target reaches nginx octet by octet', async () => {
  const targets = [
    '/accounts?q=%41+b&&=',
    '/accounts?',
    '/accounts?a=1&a=2&b=%2F%2f&c=~%7E',
    '/accounts/a-b_c.d~e?x=/?y=?',
    "/accounts/x?q='()*;:@,$!",
  ];
  for (const target of targets) {
    const answer = await get(target);
    assert.equal(answer.status, 200, target);
    assert.equal(Nginx.seen(answer).target, target);
  }
});

test('while nginx is down the answer is 502 or 503 as problem+json, and 200 again when it is back', async () => {
  assert.equal((await get('/accounts')).status, 200);
  await upstream.stop();
  for (let turn = 0; turn < 5; turn += 1) assertUpstreamAway(await get('/accounts'));
  await upstream.start();
  await until('nginx to be found again', async () => {
    const answer = await get('/accounts');
    if (answer.status !== 200) assertUpstreamAway(answer);
    return answer.status === 200;
  }, { within: 20_000, every: 100 });
});

test('no token shows in any output', async () => {
  assert.deepEqual(await world.leaks(), []);
});

function get(path, options) {
  return gateway.request({ path, token, ...options });
}

async function post(body) {
  const answer = await gateway.request({ method: 'POST', path: '/payments', token, body });
  assert.equal(answer.status, 201, answer.text);
  return answer;
}

function assertUpstreamAway(answer) {
  assert.ok([502, 503].includes(answer.status), `${answer.status} ${answer.text}`);
  assert.equal(answer.headers['content-type'], 'application/problem+json');
  assert.equal(answer.problem.status, answer.status);
  if (answer.status === 503) assert.ok(Number(answer.headers['retry-after']) > 0);
}
