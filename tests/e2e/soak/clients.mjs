// The manners in which the soak asks: HTTP/1.1 with and without TLS on a connection that is kept, HTTP/2 with many streams on
// one. An answer is whole or it is an error, and an error says whether the answer had begun.

import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';

import { within } from '../support/wait.mjs';

const BOUND_MS = 30_000;
export const HOST = 'api.test';

/** One connection at a time. */
export class Http1 {
  #kind;
  #options;
  #agent;

  /** `door` is `{ port, ca }`; with authorities it is asked over TLS. */
  constructor({ port, ca }) {
    this.name = ca ? 'HTTP/1.1 over TLS' : 'HTTP/1.1';
    this.#kind = ca ? https : http;
    this.#options = { host: '127.0.0.1', port, ...(ca && { servername: HOST }) };
    this.#agent = new this.#kind.Agent({ keepAlive: true, maxSockets: 1, ca });
  }

  /** `{ status, headers, body }`. With `withholds` the body is announced and never sent. */
  ask({ method, target, headers, body, length, isChunked, withholds }) {
    const framing = withholds ? { 'content-length': length } : body === undefined || isChunked ? {} : { 'content-length': body.length };
    let hasBegun = false;
    const answer = new Promise((resolve, reject) => {
      const outgoing = this.#kind.request({
        ...this.#options, agent: this.#agent, method, path: target, headers: { host: HOST, ...framing, ...headers },
      });
      outgoing.setTimeout(BOUND_MS, () => outgoing.destroy(new Error('no answer in time')));
      outgoing.on('error', reject);
      outgoing.on('response', (incoming) => {
        hasBegun = true;
        const pieces = [];
        incoming.on('data', (piece) => pieces.push(piece));
        incoming.on('error', reject);
        incoming.on('end', () => {
          if (!incoming.complete) return reject(new Error('the answer was cut short'));
          resolve({ status: incoming.statusCode, headers: incoming.headers, body: Buffer.concat(pieces) });
          if (withholds) outgoing.destroy();
        });
      });
      if (withholds) outgoing.flushHeaders();
      else if (isChunked) inPieces(outgoing, body);
      else outgoing.end(body);
    });
    return answer.catch((error) => Promise.reject(Object.assign(error, { hasBegun })));
  }

  /** The next request has a connection of its own. */
  leave() {
    this.#agent.destroy();
  }
}

/** Several requests at a time on one connection, which is made anew when it was left or has ended. */
export class Http2 {
  #door;
  #session;

  constructor(door) {
    this.name = 'HTTP/2 over TLS';
    this.#door = door;
  }

  async ask({ method, target, headers, body, length, isChunked, withholds }) {
    let hasBegun = false;
    const framing = withholds ? { 'content-length': length } : body === undefined || isChunked ? {} : { 'content-length': body.length };
    try {
      const stream = (await this.#open()).request({ ':method': method, ':path': target, ':authority': HOST, ...framing, ...headers }, { endStream: body === undefined && !withholds });
      const answer = new Promise((resolve, reject) => {
        stream.setTimeout(BOUND_MS, () => stream.destroy(new Error('no answer in time')));
        stream.on('error', reject);
        stream.on('close', () => reject(new Error(`the stream was closed, code ${stream.rstCode}`)));
        stream.on('response', (fields) => {
          hasBegun = true;
          const pieces = [];
          stream.on('data', (piece) => pieces.push(piece));
          stream.on('end', () => {
            if (stream.rstCode) return;
            resolve({ status: fields[':status'], headers: fields, body: Buffer.concat(pieces) });
            if (withholds) stream.close();
          });
        });
      });
      if (body !== undefined && isChunked) inPieces(stream, body);
      else if (body !== undefined) stream.end(body);
      return await answer;
    } catch (error) {
      throw Object.assign(error, { hasBegun });
    }
  }

  leave() {
    if (!this.#session) return;
    this.#session.wasLeft = true;
    this.#session.close();
    this.#session = undefined;
  }

  async #open() {
    if (!this.#session || this.#session.closed || this.#session.destroyed) {
      const session = http2.connect(`https://127.0.0.1:${this.#door.port}`, { ca: this.#door.ca, servername: HOST });
      this.#session = session;
      session.on('error', () => {});
      session.on('goaway', () => (this.#session === session) && (this.#session = undefined));
    }
    const session = this.#session;
    if (session.connecting) await within(BOUND_MS, 'an HTTP/2 connection', Promise.race([once(session, 'connect'), once(session, 'close')]));
    // Another of our requests may have left it meanwhile.
    if (session.closed && session.wasLeft) return this.#open();
    if (session.destroyed) throw new Error('the connection was closed before a request');
    return session;
  }
}

function inPieces(outgoing, body) {
  const third = Math.ceil(body.length / 3);
  for (let from = 0; from < body.length; from += third) outgoing.write(body.subarray(from, from + third));
  outgoing.end();
}
