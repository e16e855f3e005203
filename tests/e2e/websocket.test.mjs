// WebSockets through the gateway, with a library that others use at both ends: the handshake is authorised, frames of every
// kind pass, and the tunnel ends with its token. RFC 6455.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, test } from 'node:test';
import WebSocket, { WebSocketServer } from 'ws';

import { freePorts } from './support/ports.mjs';
import { until, within } from './support/wait.mjs';
import { World } from './support/world.mjs';

let world;
let token;
let server;
/** What the server heard of those who came. */
const handshakes = [];

before(async () => {
  world = await World.create();
  const [port] = await freePorts(1);
  const { gateway } = world;
  const plain = gateway.configuration.bind(gateway);
  gateway.configuration = () => plain(`
  - { path: /live, methods: [GET], scopes: [accounts], upstream: live, upgrade: [websocket] }
  - { path: /accounts, methods: [GET], scopes: [accounts], upstream: live }`)
    .replace('upstreams:', `upstreams:\n  - { name: live, servers: ["http://127.0.0.1:${port}"] }`);
  const listener = http.createServer((_, response) => response.end('plain'));
  server = new WebSocketServer({ server: listener, perMessageDeflate: true });
  server.on('connection', (socket, request) => {
    handshakes.push(request.headers);
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  await new Promise((resolve) => listener.listen(port, '127.0.0.1', resolve));
  await Promise.all([world.issuer.start(), world.upstream.start()]);
  await gateway.start();
  token = await world.issuer.clientCredentials('accounts');
});

after(async () => {
  server?.clients.forEach((client) => client.terminate());
  server?.options.server.closeAllConnections();
  server?.options.server.close();
  await world?.stop();
});

function open(bearer = token, path = '/live') {
  const headers = bearer ? { authorization: `Bearer ${bearer}` } : {};
  return new WebSocket(`ws://127.0.0.1:${world.gateway.port}${path}`, ['feed.v1'], { headers });
}

/** The status that refused a handshake. */
async function refused(socket) {
  socket.on('error', () => {});
  const [, response] = await within(10_000, 'an answer', once(socket, 'unexpected-response'));
  response.resume();
  socket.terminate();
  return response.statusCode;
}

test('messages of every kind and size come back as they were', async () => {
  const socket = open();
  await within(10_000, 'the handshake', once(socket, 'open'));
  assert.deepEqual([socket.protocol, socket.extensions], ['feed.v1', 'permessage-deflate']);
  for (const message of ['', 'günaydın', randomBytes(125), randomBytes(126), randomBytes(70_000), randomBytes(3_000_000)]) {
    socket.send(message);
    const [data, isBinary] = await within(10_000, 'the same message', once(socket, 'message'));
    assert.equal(isBinary, typeof message !== 'string');
    assert.ok(Buffer.from(message).equals(data), `${message.length} bytes`);
  }
  socket.ping('are you there');
  const [pong] = await within(10_000, 'a pong', once(socket, 'pong'));
  assert.equal(pong.toString(), 'are you there');
  socket.close(4000, 'enough');
  const [code, reason] = await within(10_000, 'the closing handshake', once(socket, 'close'));
  assert.deepEqual([code, reason.toString()], [4000, 'enough']);
  const [seen] = handshakes;
  assert.equal(seen['x-auth-client-id'] !== undefined, true, 'the server knows who came');
  assert.equal(seen.authorization, undefined);
});

test('who has no token or not the scope gets no further, and a route without `upgrade` does not switch', async () => {
  const before = handshakes.length;
  assert.equal(await refused(open(null)), 401);
  assert.equal(await refused(open(await world.issuer.clientCredentials('payments'))), 403);
  assert.equal(await refused(open(token, '/accounts')), 200);
  assert.equal(handshakes.length, before);
});

test('a hundred at a time, and none is left behind', async () => {
  const sockets = Array.from({ length: 100 }, () => open());
  await within(20_000, 'the handshakes', Promise.all(sockets.map((socket) => once(socket, 'open'))));
  assert.equal(await world.gateway.metric('scopegate_tunnels'), 100);
  sockets.forEach((socket, at) => socket.send(`number ${at}`));
  const heard = await within(20_000, 'the answers', Promise.all(sockets.map((socket) => once(socket, 'message'))));
  assert.deepEqual(heard.map(([data]) => data.toString()), sockets.map((_, at) => `number ${at}`));
  // Half of them say goodbye, half of them vanish.
  sockets.forEach((socket, at) => (at % 2 ? socket.close() : socket.terminate()));
  await until('no tunnel', async () => (await world.gateway.metric('scopegate_tunnels')) === 0);
  await until('no client at the server', () => server.clients.size === 0);
});

test('a revocation ends the tunnels of its token, and no others', async () => {
  const other = await world.issuer.clientCredentials('accounts');
  const [revoked, kept] = [open(), open(other)];
  await within(10_000, 'the handshakes', Promise.all([once(revoked, 'open'), once(kept, 'open')]));
  const { iss: issuer, jti: token_id } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  const answer = await fetch(`http://127.0.0.1:${world.gateway.adminPort}/revoke`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ issuer, token_id }),
  });
  assert.equal(answer.status, 204);
  const [code] = await within(10_000, 'the end', once(revoked, 'close'));
  assert.equal(code, 1006, 'no goodbye: the gateway does not speak its protocol');
  kept.send('still here');
  const [data] = await within(10_000, 'an answer', once(kept, 'message'));
  assert.equal(data.toString(), 'still here');
  kept.close();
  assert.equal(await refused(open()), 401);
});

test('no token shows in any output', async () => {
  assert.deepEqual(await world.leaks(), []);
});
