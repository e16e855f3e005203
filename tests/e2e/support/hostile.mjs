// An upstream that says whatever octets it is told, and otherwise answers with the first line of the request.

import { once } from 'node:events';
import net from 'node:net';

export class Hostile {
  #server;
  #sockets = new Set();
  #mood = {};

  async start() {
    this.#server = net.createServer({ noDelay: true }, (socket) => this.#serve(socket)).listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = this.#server.address().port;
    return this;
  }

  /** How many are open to it now. */
  get connections() {
    return this.#sockets.size;
  }

  becomes(mood) {
    this.#mood = mood;
  }

  /** Sends what comes late, and waits until it must have arrived. */
  async later() {
    if (!this.#mood.later) return;
    await Promise.all([...this.#sockets].map((socket) => new Promise((sent) => socket.write(this.#mood.later, 'latin1', sent))));
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((closed) => this.#server.close(closed));
  }

  #serve(socket) {
    let received = '';
    this.#sockets.add(socket);
    socket.setEncoding('latin1');
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    if (this.#mood.greeting) socket.write(this.#mood.greeting, 'latin1');
    socket.on('data', (text) => {
      received += text;
      for (let end = received.indexOf('\r\n\r\n'); end >= 0; end = received.indexOf('\r\n\r\n')) {
        this.#answer(socket, received.slice(0, received.indexOf(' HTTP/1.1')));
        received = received.slice(end + 4);
      }
    });
  }

  #answer(socket, line) {
    const { octets, closes, repeats } = this.#mood;
    if (octets === undefined) return socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${line.length}\r\n\r\n${line}`);
    if (repeats) return repeat(socket, octets.repeat(100));
    socket.write(octets, 'latin1');
    if (closes) socket.end();
  }
}

/** Again and again, as fast as the other side takes it. */
function repeat(socket, octets) {
  const send = () => {
    while (!socket.destroyed && socket.write(octets)) if (socket.writableNeedDrain) break;
  };
  socket.on('drain', send);
  send();
}
