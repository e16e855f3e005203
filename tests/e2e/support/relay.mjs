// Stands between the gateway and an upstream, passes everything on, and keeps what the gateway sent, octet by octet.

import { once } from 'node:events';
import net from 'node:net';

export class Relay {
  #server;
  #connections = new Set();
  #target;

  async start() {
    this.#server = net.createServer({ noDelay: true }, (near) => this.#carry(near)).listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port() {
    return this.#server.address().port;
  }

  /** New connections go there from now on; those that are open end. */
  towards(port) {
    this.#target = port;
    for (const { near } of this.#connections) near.destroy();
  }

  /** What came since the last call: a text in Latin-1 for each connection that brought something. */
  take() {
    const texts = [];
    for (const connection of this.#connections) {
      if (connection.received.length > 0) texts.push(Buffer.concat(connection.received.splice(0)).toString('latin1'));
      if (connection.hasEnded) this.#connections.delete(connection);
    }
    return texts;
  }

  async stop() {
    for (const { near } of this.#connections) near.destroy();
    await new Promise((closed) => this.#server.close(closed));
  }

  #carry(near) {
    const connection = { near, received: [], hasEnded: false };
    this.#connections.add(connection);
    const far = net.connect({ port: this.#target, host: '127.0.0.1', noDelay: true });
    near.on('data', (octets) => {
      connection.received.push(octets);
      far.write(octets);
    });
    far.on('data', (octets) => near.write(octets));
    near.on('end', () => far.end());
    far.on('end', () => near.end());
    for (const [one, other] of [[near, far], [far, near]]) {
      one.on('error', () => other.destroy());
      one.on('close', () => {
        connection.hasEnded = true;
        other.destroy();
      });
    }
  }
}
