// HTTP/2 from a client that others wrote, Node.js, to nginx, which is spoken to in HTTP/1.1: HTTP-31, HTTP-35.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import http2 from 'node:http2';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { selfSigned } from './support/certificate.mjs';
import { Nginx } from './support/nginx.mjs';
import { within } from './support/wait.mjs';
import { World } from './support/world.mjs';

const { cert, key } = selfSigned('api', ['api.test']);

let world;
let gateway;
let token;
let session;

before(async () => {
  world = await World.create();
  ({ gateway } = world);
  await writeFile(path.join(world.folder, 'api.pem'), cert);
  await writeFile(path.join(world.folder, 'api.key'), key);
  const plain = gateway.configuration.bind(gateway);
  gateway.configuration = () => plain().replace('server: {', 'server: { tls: { certificate: api.pem, key: api.key },');
  await Promise.all([world.issuer.start(), world.upstream.start()]);
  await gateway.start();
  token = await world.issuer.clientCredentials('accounts payments');
  session = await connected();
});
after(async () => {
  session?.destroy();
  await world?.stop();
});

async function connected() {
  const opened = http2.connect(`https://127.0.0.1:${gateway.port}`, { ca: cert, servername: 'api.test' });
  // Its end is what some tests wait for.
  opened.on('error', () => {});
  await within(20_000, 'a session', new Promise((resolve, reject) => opened.once('connect', resolve).once('error', reject)));
  assert.equal(opened.alpnProtocol, 'h2');
  return opened;
}

/** A request on the session, with its whole answer. */
function ask(over, { path: target = '/accounts', method = 'GET', headers = {}, body, bearer = token } = {}) {
  const sent = { ':method': method, ':path': target, ':authority': 'api.test', ...headers };
  const stream = over.request(bearer ? { ...sent, authorization: `Bearer ${bearer}` } : sent);
  const answer = new Promise((resolve, reject) => {
    stream.on('error', reject);
    stream.on('response', async (fields) => {
      const pieces = await stream.toArray().catch(reject);
      if (pieces) resolve({ status: fields[':status'], headers: fields, text: Buffer.concat(pieces).toString() });
    });
  });
  stream.end(body);
  return within(20_000, `an answer to ${target}`, answer);
}

test('many requests at a time on one connection', async () => {
  const answers = await Promise.all(Array.from({ length: 300 }, (_, n) => ask(session, { path: `/accounts/${n}?page=${n}` })));
  answers.forEach((answer, n) => {
    assert.equal(answer.status, 200);
    assert.equal(Nginx.seen(answer).target, `/accounts/${n}?page=${n}`);
    assert.equal(answer.headers.connection, undefined);
  });
});

test('refusals are told as they are over HTTP/1.1', async () => {
  const bare = await ask(session, { bearer: null });
  assert.equal(bare.status, 401);
  assert.match(bare.headers['www-authenticate'], /^Bearer /);
  assert.equal((await ask(session, { path: '/accounts/../payments' })).status, 400);
  assert.equal((await ask(session, { path: '/nothing' })).status, 404);
  assert.equal((await ask(session)).status, 200, 'the connection goes on');
});

test('bodies pass octet for octet', async () => {
  const body = Buffer.alloc(700_000, 'a body that is longer than any window ');
  const paid = await ask(session, { method: 'POST', path: '/payments', headers: { 'content-type': 'text/plain' }, body });
  assert.equal(paid.status, 201);
  assert.deepEqual(await world.upstream.body(paid), body);
  const file = Buffer.alloc(2_000_000, 'an answer that is longer too ');
  await world.upstream.publish('long', file);
  const got = await ask(session, { path: '/accounts/files/long' });
  assert.equal(got.status, 200);
  assert.ok(Buffer.from(got.text).equals(file));
});

test('a drain loses no request, and says so before', async () => {
  const own = await connected();
  const told = new Promise((resolve) => own.once('goaway', resolve));
  const outcomes = [];
  let isOver = false;
  const asking = Array.from({ length: 8 }, async () => {
    while (!isOver) outcomes.push(await ask(own).then(({ status }) => status, (error) => `${error.code}: ${error.message}`));
  });
  const ending = new Promise((resolve) => setTimeout(resolve, 300)).then(() => gateway.stop());
  assert.equal(await within(20_000, 'a GOAWAY', told), http2.constants.NGHTTP2_NO_ERROR);
  isOver = true;
  await Promise.all(asking);
  const { code } = await ending;
  assert.equal(code, 0);
  // Node.js takes no request for a session that is leaving, and says so before it sends any of it. What it had queued by
  // then goes out behind the acknowledgement that we wait for; that was refused, and so not looked at (RFC 9113 §8.7).
  const isUntouched = (outcome) => /^ERR_HTTP2_GOAWAY_SESSION|NGHTTP2_REFUSED_STREAM/.test(outcome);
  const lost = outcomes.filter((outcome) => outcome !== 200 && !isUntouched(outcome));
  assert.deepEqual(lost, []);
  assert.ok(outcomes.filter((outcome) => outcome === 200).length > 50, `${outcomes.length} requests`);
});
