// The soak: good, refused, slow and hostile clients at once in front of two gateways, one in the clear and one over TLS,
// while configurations change and upstreams go away and come back. What is right and what is wrong is decided at both ends:
// by each client about its answer, and in the end by the ledgers of the upstreams.
//
// Around the absence of an upstream (from its signal to a second after it listens again) a request may be answered 502,
// 503 or 504, and an answer that had begun may break off visibly. Nothing else is forgiven: a payment is never made twice,
// one that was acknowledged was made, and one that is said not to have reached a server has not. And since the other server is
// there, each of the good clients may meet an end once, with what it had under way.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { within } from '../support/wait.mjs';
import { Http1, Http2 } from './clients.mjs';
import { Door } from './door.mjs';
import * as good from './good.mjs';
import * as hostile from './hostile.mjs';
import * as refused from './refused.mjs';
import * as slow from './slow.mjs';
import { Tally } from './tally.mjs';
import { Upstreams } from './upstreams.mjs';

/** Good clients: over HTTP/1.1, the same over TLS, and streams on each of two connections of HTTP/2. */
const [PLAIN, SECURE, SESSIONS, STREAMS] = [5, 4, 2, 4];
const GOOD_REST_MS = 12;
const REFUSED_REST_MS = 40;
const HOSTILE_REST_MS = 60;
/** One reload in so many brings a bad file. */
const BROKEN_EVERY = 4;
/** From the end of the soak to the last client's. */
const END_BOUND_MS = 60_000;
/** So long before the end of a connection a request on it may have begun without having been read. */
const RACE_MS = 200;
/** Load that goes on when the gateways have left. */
const LEAVE_MS = 200;

/** Runs it for so long and returns what came of it; see `report.mjs`. */
export async function soak({ seconds, reloadMs = 10_000, restartMs = 30_000, sampleMs = 5_000 }) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'scopegate-soak-'));
  const state = new Soak(folder);
  try {
    await state.start();
    await state.run({ seconds, reloadMs, restartMs, sampleMs });
    return await state.end();
  } finally {
    await state.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

class Soak {
  tally = new Tally();
  secret = randomBytes(16).toString('hex');
  /** When the gateways were told to end. */
  leftAt = Infinity;
  isOver = false;
  doors = [];

  constructor(folder) {
    this.folder = folder;
  }

  async start() {
    this.upstreams = await Upstreams.start(this.folder, this.secret);
    for (const name of ['plain', 'tls']) {
      const door = await Door.make(name, this.upstreams.ports);
      this.doors.push(door);
      await door.start();
    }
    this.pids = this.doors.map(({ pid }) => pid);
  }

  get isLeaving() {
    return this.leftAt !== Infinity;
  }

  /** Whether a request that began then may have met a connection that was closed beneath it: it counts if nobody read it. */
  mayBeLeft(since) {
    return since > this.leftAt - RACE_MS;
  }

  /** Whether an upstream was away at some time since then. */
  wasRestless(since) {
    return this.upstreams.wasAway(since);
  }

  async run({ seconds, reloadMs, restartMs, sampleMs }) {
    this.begun = performance.now();
    this.clients = this.#drive();
    const deadline = this.begun + seconds * 1000;
    await Promise.all([
      this.#every(deadline, reloadMs, (turn) => this.#reload(turn)),
      this.#every(deadline, restartMs, (turn) => this.#restart(turn)),
      this.#every(deadline, sampleMs, () => Promise.all(this.doors.map((door) => door.sample()))),
      pause(seconds * 1000),
    ]);
    this.seconds = (performance.now() - this.begun) / 1000;
  }

  /** SIGTERM under load; then the ledgers. */
  async end() {
    await this.#calm();
    this.leftAt = performance.now();
    const endings = await Promise.all(this.doors.map((door) => door.stop('SIGTERM')));
    await pause(LEAVE_MS);
    this.isOver = true;
    await within(END_BOUND_MS, 'all clients to end', this.clients);
    endings.forEach(({ code, signal }, at) => {
      if (code !== 0) this.tally.wrong('drain', `${this.doors[at].name} ended with ${code ?? signal}\n${this.doors[at].printed.slice(-2000)}`);
    });
    await this.upstreams.stop();
    const { counts, complaints } = await this.upstreams.read(this.tally.ids);
    for (const complaint of complaints) this.tally.wrong('upstream', complaint);
    const lost = this.tally.settle(counts);
    const { restarts, forgiven } = this.tally;
    const most = (PLAIN + SECURE + SESSIONS * STREAMS) * (restarts.killed + restarts.ended);
    if (forgiven > most) this.tally.wrong('restarts', `${forgiven} good requests met them, ${most} at most could`);
    return { tally: this.tally, lost, doors: this.doors, seconds: this.seconds };
  }

  async remove() {
    this.isOver = true;
    for (const door of this.doors) await door.remove();
    await this.upstreams?.stop();
  }

  #drive() {
    const [plain, secure] = this.doors;
    const running = [];
    const some = (count, one) => running.push(...Array.from({ length: count }, (_, at) => one(at)));
    some(PLAIN, () => good.drive(this, new Http1(plain), GOOD_REST_MS));
    some(SECURE, () => good.drive(this, new Http1(secure), GOOD_REST_MS));
    for (let count = 0; count < SESSIONS; count += 1) {
      const session = new Http2(secure);
      some(STREAMS, () => good.drive(this, session, GOOD_REST_MS));
    }
    for (const client of [new Http1(plain), new Http1(secure), new Http2(secure)]) some(1, () => refused.drive(this, client, REFUSED_REST_MS));
    some(12, (at) => slow.drive(this, plain, at));
    some(4, (at) => hostile.drive(this, plain, at * 100, HOSTILE_REST_MS));
    some(3, (at) => hostile.drive(this, secure, at * 2, HOSTILE_REST_MS));
    return Promise.all(running);
  }

  /** Calls `act` each `ms` until the deadline; one call after the other. */
  async #every(deadline, ms, act) {
    for (let turn = 1; performance.now() + ms <= deadline; turn += 1) {
      await pause(Math.max(0, this.begun + turn * ms - performance.now()));
      await act(turn).catch((error) => this.tally.wrong('schedule', error.message));
    }
  }

  async #reload(turn) {
    const broken = turn % BROKEN_EVERY === 0;
    await Promise.all(this.doors.map((door) => door.reload({ broken })));
    this.tally.reloads[broken ? 'refused' : 'taken'] += this.doors.length;
    if (this.doors.some(({ pid }, at) => pid !== this.pids[at])) throw new Error('a gateway is another process');
  }

  async #restart(turn) {
    const [at, isKill] = [turn % 2, turn % 4 < 2];
    await this.upstreams.restart(at, isKill ? 'SIGKILL' : 'SIGTERM');
    this.tally.restarts[isKill ? 'killed' : 'ended'] += 1;
  }

  /** Both upstreams are there, and have been for long enough. */
  async #calm() {
    while (this.wasRestless(performance.now())) await pause(100);
  }
}
