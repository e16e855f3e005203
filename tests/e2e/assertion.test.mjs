// An API that trusts no network: it takes a request only with an assertion that `jose` verifies, by the lines of the README.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';

import { createRemoteJWKSet, jwtVerify } from 'jose';

import { request } from './support/client.mjs';
import { World } from './support/world.mjs';

const ISSUER = 'https://api.bank.example';
const ALGORITHM = 'EdDSA';

let world;
let gateway;
let api;
const seen = [];

before(async () => {
  world = await World.create();
  ({ gateway } = world);
  const base = gateway.configuration.bind(gateway);
  gateway.configuration = () => `${base()}assertion: { issuer: "${ISSUER}", algorithm: ${ALGORITHM} }\n`;
  const keys = createRemoteJWKSet(new URL(`http://127.0.0.1:${gateway.adminPort}/jwks.json`));
  api = http.createServer((incoming, outgoing) => answer(keys, incoming, outgoing));
  await new Promise((listening) => api.listen(gateway.upstreamPort, '127.0.0.1', listening));
  await world.issuer.start();
  await gateway.start();
});
after(async () => {
  await gateway?.stop();
  api?.closeAllConnections();
  await new Promise((closed) => (api ? api.close(closed) : closed()));
  await world?.stop();
});

async function answer(keys, incoming, outgoing) {
  try {
    const { payload } = await jwtVerify(incoming.headers['x-auth-assertion'], keys, {
      issuer: ISSUER, audience: 'api', typ: 'scopegate-assertion+jwt', algorithms: [ALGORITHM], clockTolerance: 5,
    });
    const isBound = payload.method === incoming.method && payload.path === incoming.url.split('?')[0];
    if (!isBound) throw new Error('it is for another request');
    seen.push({ assertion: incoming.headers['x-auth-assertion'], payload });
    outgoing.end(payload.client_id);
  } catch (failure) {
    outgoing.writeHead(403).end(failure.message);
  }
}

/** Past the gateway: what somebody in the network between could send. */
const past = (options) => request({ port: gateway.upstreamPort, ...options });

test('what came through the gateway is taken, and the API knows whose it is', async () => {
  const token = await world.issuer.clientCredentials('accounts');
  for (const path of ['/accounts', '/accounts/1?page=2', '/accounts/caf%C3%A9']) {
    const { status, text } = await gateway.request({ path, token });
    assert.equal(status, 200, text);
    const { payload } = seen.at(-1);
    assert.equal(text, payload.client_id);
    assert.equal(payload.token_iss, world.issuer.url);
    assert.equal(payload.scope, 'accounts');
    assert.equal(payload.sub, undefined, 'a client is no customer');
    assert.ok(payload.exp - payload.iat <= 30);
  }
});

test('what went past it is not, whatever it brings', async () => {
  const token = await world.issuer.clientCredentials('accounts');
  const assertion = { 'x-auth-assertion': seen[0].assertion };
  assert.equal((await past({ path: '/accounts', headers: assertion })).status, 200, 'the very request is what it is for');
  for (const [what, options] of [
    ['without', { path: '/accounts' }],
    ['another path', { path: '/accounts/1', headers: assertion }],
    ['another method', { path: '/accounts', method: 'DELETE', headers: assertion }],
    ['an access token for an assertion', { path: '/accounts', headers: { 'x-auth-assertion': token } }],
    ['identity headers alone', { path: '/accounts', headers: { 'x-auth-client-id': 'tpp-1' } }],
  ]) {
    assert.equal((await past(options)).status, 403, what);
  }
  const spoofed = await gateway.request({ path: '/accounts/2', token, headers: assertion });
  assert.equal(spoofed.status, 200, 'a client cannot replace ours with another');
});

test('no part of an assertion shows in any output', async () => {
  const outputs = Object.entries(await gateway.outputs());
  for (const { assertion } of seen) {
    for (const part of assertion.split('.').slice(1)) {
      assert.deepEqual(outputs.filter(([, text]) => text.includes(part)).map(([place]) => place), []);
    }
  }
});
