// The two upstreams of the soak, one of which is away now and then; when that was; and what their ledgers say.

import { createReadStream } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { freePorts } from '../support/ports.mjs';
import { Process } from '../support/processes.mjs';
import { within } from '../support/wait.mjs';

const MODULE = fileURLToPath(new URL('origin.mjs', import.meta.url));
const AWAY_MS = 2_000;
/** So long after a server is back an answer may still tell of its absence. */
const AFTER_MS = 1_000;

export class Upstreams {
  #processes = [];
  /** When one of them was away: `[from, to]`. */
  #away = [];

  static async start(folder, secret) {
    const upstreams = new Upstreams();
    upstreams.secret = secret;
    upstreams.ports = await freePorts(2);
    upstreams.ledgers = [0, 1].map((at) => path.join(folder, `ledger-${at}`));
    await Promise.all([0, 1].map((at) => upstreams.#start(at)));
    return upstreams;
  }

  /** Takes one away, by force or in order, and brings it back. */
  async restart(at, signal) {
    const window = [performance.now(), Infinity];
    this.#away.push(window);
    const leaving = this.#processes[at];
    leaving.signal(signal);
    const leave = pause(AWAY_MS).then(() => leaving.signal('SIGKILL'));
    await Promise.all([leaving.ended, leave]);
    await this.#start(at);
    window[1] = performance.now() + AFTER_MS;
  }

  /** Whether one was away at some time since then. */
  wasAway(since) {
    return this.#away.some(([, to]) => to >= since);
  }

  async stop() {
    await Promise.all(this.#processes.map((one) => one.stop('SIGKILL')));
  }

  /** How often each request was read, by its id, and everything that the servers found wrong. */
  async read(ids) {
    const [counts, complaints] = [new Uint8Array(ids + 1), []];
    for (const ledger of this.ledgers) {
      for await (const line of createInterface({ input: createReadStream(ledger) })) {
        if (line.startsWith('!')) complaints.push(line.slice(2));
        else counts[Number(line)] += 1;
      }
    }
    return { counts, complaints };
  }

  async #start(at) {
    const started = Process.fork(MODULE, [this.ports[at], this.ledgers[at], this.secret]);
    this.#processes[at] = started;
    const early = started.ended.then(() => started.assertRunning());
    await within(20_000, 'an upstream to listen', Promise.race([once(started.child, 'message'), early]));
  }
}
