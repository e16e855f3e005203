// The third party's HTTP client: sends a target octet by octet as given, and keeps the whole answer.

import http from 'node:http';

/**
 * One request. `onContinue` takes over when the body is to wait for `100 Continue`; `onHead` is told when the answer
 * begins.
 */
export function request({ port, method = 'GET', path = '/', headers = {}, token, body, agent, onContinue, onHead }) {
  return new Promise((resolve, reject) => {
    const bearer = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const outgoing = http.request({ host: '127.0.0.1', port, method, path, agent, headers: { ...bearer, ...headers } });
    outgoing.setTimeout(20_000, () => outgoing.destroy(new Error(`no answer to ${method} ${path} in 20 s`)));
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      onHead?.();
      const chunks = [];
      incoming.on('data', (chunk) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        if (!incoming.complete) return reject(new Error(`the answer to ${method} ${path} was cut short`));
        resolve(new Answer(incoming, Buffer.concat(chunks), outgoing.reusedSocket));
      });
    });
    if (onContinue) {
      outgoing.on('continue', () => onContinue(outgoing));
      outgoing.flushHeaders();
    } else if (Array.isArray(body)) {
      for (const piece of body) outgoing.write(piece);        // no length: chunked
      outgoing.end();
    } else {
      outgoing.end(body);
    }
  });
}

/** The head of a request with a body that is never sent: what is said before a single byte of it was read. */
export function announce({ port, method, path, headers }) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request({ host: '127.0.0.1', port, method, path, headers });
    outgoing.setTimeout(20_000, () => outgoing.destroy(new Error(`no answer to ${method} ${path} in 20 s`)));
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      const chunks = [];
      incoming.on('data', (chunk) => chunks.push(chunk));
      incoming.on('end', () => {
        resolve(new Answer(incoming, Buffer.concat(chunks), false));
        outgoing.destroy();
      });
    });
    outgoing.flushHeaders();
  });
}

/** An agent that keeps exactly one connection. */
export function oneConnection() {
  return new http.Agent({ keepAlive: true, maxSockets: 1 });
}

export class Answer {
  constructor(incoming, body, reused) {
    this.status = incoming.statusCode;
    this.headers = incoming.headers;
    this.body = body;
    this.reused = reused;
  }

  get text() {
    return this.body.toString('utf8');
  }

  get challenge() {
    return this.headers['www-authenticate'];
  }

  get problem() {
    return JSON.parse(this.text);
  }
}
