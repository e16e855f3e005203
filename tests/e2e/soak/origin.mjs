// An upstream of the soak: a server in a process of its own, killed now and then. Each request that it read to its end is
// a line of its ledger before it is answered, so that a kill takes nothing back; a request that nobody meant, or that is not
// as it was meant, is a line too. Arguments: port, ledger, secret.

import { openSync, writeSync } from 'node:fs';
import http from 'node:http';

import { LONGEST, bodyOf, markOf } from './body.mjs';

/** Of a larger body its length is told, and whether it was right. */
const ECHOED = 64 * 1024;

const [port, file, secret] = process.argv.slice(2);
const ledger = openSync(file, 'a');
const note = (line) => writeSync(ledger, `${line}\n`);

const server = http.createServer((incoming, outgoing) => {
  const { method, url: target, headers } = incoming;
  if (target === '/healthz' && headers['x-auth-subject'] === undefined) return outgoing.end();
  const request = read(method, target, headers);
  // Read, so that whoever sent it is not held up by us; what it was is in the ledger.
  if (!request) return incoming.resume().on('error', () => {}).on('end', () => outgoing.writeHead(500).end());
  const pieces = [];
  incoming.on('data', (piece) => pieces.push(piece));
  incoming.on('error', () => {});
  incoming.on('end', () => answer(request, Buffer.concat(pieces), outgoing));
});

/** The request that its mark names, if it is this one. */
function read(method, target, headers) {
  const [subject, tokenId] = [headers['x-auth-subject'], headers['x-auth-token-id']];
  const [id, length] = (headers['x-mark'] ?? '').split('.').map(Number);
  const request = { id, length, method, target, subject, tokenId };
  if (headers['x-mark'] !== markOf(secret, request)) {
    note(`! nobody meant ${method} ${target} of ${subject}, token ${tokenId}, marked ${headers['x-mark']}`);
    return undefined;
  }
  for (const name of ['authorization', 'expect', 'upgrade', 'x-auth-forged']) {
    if (headers[name] !== undefined) note(`! ${name} came with ${method} ${target}`);
  }
  return { ...request, seen: headers };
}

function answer({ id, length, method, target, seen }, received, outgoing) {
  const isPost = method === 'POST';
  if (!received.equals(isPost ? bodyOf(id, length) : Buffer.alloc(0))) note(`! the body of ${method} ${target} is not its own: ${received.length} octets`);
  note(`${id}`);
  for (const name of ['subject', 'token-id', 'client-id', 'scope']) outgoing.setHeader(`x-seen-${name}`, seen[`x-auth-${name}`] ?? '');
  outgoing.setHeader('x-seen-id', seen['x-fapi-interaction-id'] ?? '');
  outgoing.statusCode = isPost ? 201 : 200;
  const body = isPost && length > ECHOED ? Buffer.from(`${received.length}`) : bodyOf(id, Math.min(length, LONGEST));
  // With a length, or in chunks.
  if (id % 2 === 0) outgoing.setHeader('content-length', body.length);
  else outgoing.write(body.subarray(0, body.length >> 1));
  outgoing.end(id % 2 === 0 ? body : body.subarray(body.length >> 1));
}

/** What the client must be answered. */
server.on('clientError', (error, socket) => {
  if (error.code?.startsWith('HPE_') && error.code !== 'HPE_INVALID_EOF_STATE') note(`! the gateway sent what is no HTTP: ${error.code} ${error.reason}`);
  socket.destroy();
});
server.keepAliveTimeout = 60_000;
server.requestTimeout = 0;
server.headersTimeout = 0;
server.listen(Number(port), '127.0.0.1', () => process.send('listening'));

// An orderly end: what it has is answered, and nothing more is taken.
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
process.on('disconnect', () => process.exit(0));
