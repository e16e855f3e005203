// Node's HTTP/2 server over TLS as an upstream: answers with what it saw, counts what it was sent, and can leave in order.

import { once } from 'node:events';
import http2 from 'node:http2';

import { within } from './wait.mjs';

export class Http2Server {
  #server;
  #sessions = new Set();
  #isLeaving = false;
  /** How many requests each `x-id` came in. */
  counts = new Map();
  /** Connections that were made to it, and requests that came. */
  connections = 0;
  requests = 0;
  /** What their first had agreed on: `{ protocol, version }`. */
  agreed;

  constructor(terms, port = 0) {
    Object.assign(this, { terms, port });
  }

  async start() {
    this.#server = http2.createSecureServer(this.terms);
    this.#server.on('session', (session) => {
      this.connections += 1;
      this.#sessions.add(session);
      session.on('error', () => {}).on('close', () => this.#sessions.delete(session));
      // Its handshake was under way when the others were told.
      if (this.#isLeaving) session.close();
      this.agreed ??= { protocol: session.alpnProtocol, version: session.socket.getProtocol() };
    });
    this.#server.on('stream', (stream, headers) => this.#answer(stream, headers));
    this.#server.on('sessionError', () => {}).on('tlsClientError', () => {});
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = this.#server.address().port;
    return this;
  }

  /** Tells every connection that it leaves (GOAWAY), ends when all their requests are answered. */
  async leave() {
    this.#isLeaving = true;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const session of this.#sessions) session.close();
    await within(10_000, 'all connections to end', closed);
    this.#isLeaving = false;
  }

  async stop() {
    for (const session of this.#sessions) session.destroy();
    await new Promise((closed) => this.#server.close(closed));
  }

  async #answer(stream, headers) {
    stream.on('error', () => {});
    const body = Buffer.concat(await stream.toArray().catch(() => []));
    if (stream.destroyed) return;
    this.requests += 1;
    const id = headers['x-id'];
    if (id) this.counts.set(id, (this.counts.get(id) ?? 0) + 1);
    const { ':method': method, ':path': target, ':scheme': scheme, ':authority': authority } = headers;
    const seen = Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(':')));
    const hasTrailers = target.endsWith('/trailers');
    stream.respond({ ':status': 200, 'x-seen': JSON.stringify({ method, target, scheme, authority, seen }) }, { waitForTrailers: hasTrailers });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-checksum': `${body.length}`, 'x-auth-subject': 'forged' }));
    stream.end(body);
  }
}
