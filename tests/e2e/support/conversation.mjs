// A client that sends octets as they are, in pieces if asked, and reads what comes back by the letter.

import net from 'node:net';

import { response } from './messages.mjs';
import { within } from './wait.mjs';

export class Conversation {
  #socket;
  #received = '';
  #hasEnded = false;
  #wake = () => {};

  static async open(port) {
    const one = new Conversation();
    one.#socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    one.#socket.setEncoding('latin1');
    one.#socket.on('data', (text) => one.#changed((one.#received += text)));
    for (const event of ['end', 'close']) one.#socket.on(event, () => one.#changed((one.#hasEnded = true)));
    // A reset is an end too; whether an answer was lost by it shows in what came before.
    one.#socket.on('error', () => one.#changed((one.#hasEnded = true)));
    await new Promise((connected) => one.#socket.once('connect', connected).once('close', connected));
    return one;
  }

  send(text) {
    this.#socket.write(text, 'latin1');
  }

  /** Ends our direction. */
  end() {
    this.#socket.end();
  }

  /** Takes nothing more in. */
  pause() {
    this.#socket.pause();
  }

  resume() {
    this.#socket.resume();
  }

  destroy() {
    this.#socket.destroy();
  }

  /** Leaves with a reset. */
  reset() {
    this.#socket.resetAndDestroy();
  }

  /** The next response, or `undefined` where the peer ends without a whole one. */
  answer(options) {
    return this.#until(() => {
      const found = response(this.#received, options);
      if (found) this.#received = found.rest;
      return found ?? (this.#hasEnded ? null : undefined);
    }, 'an answer').then((found) => found ?? undefined);
  }

  /** Whatever comes until the peer ends. */
  rest() {
    return this.#until(() => (this.#hasEnded ? this.#received : undefined), 'the end of the connection');
  }

  async #until(probe, what) {
    const look = async () => {
      for (;;) {
        const found = probe();
        if (found !== undefined) return found;
        await new Promise((wake) => (this.#wake = wake));
      }
    };
    return within(10_000, `${what}, after ${JSON.stringify(this.#received.slice(0, 200))}`, look());
  }

  #changed() {
    this.#wake();
  }
}
