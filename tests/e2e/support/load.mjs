// Steady load: some keep-alive connections, each sending its next request when the answer to the last is complete.

import { setTimeout as pause } from 'node:timers/promises';

import { oneConnection, request } from './client.mjs';

/** Starts at once; `next()` gives the options of each request, and `kind` in them is kept with the outcome. */
export class Load {
  constructor({ port, connections = 4, next, requests_max = 200_000 }) {
    this.outcomes = [];
    this.lost = [];
    this.stopped = false;
    this.requests_left = requests_max;
    this.done = Promise.all(Array.from({ length: connections }, () => this.#drive(port, next)));
  }

  async #drive(port, next) {
    const agent = oneConnection();
    while (!this.stopped && this.requests_left-- > 0) {
      const { kind, ...options } = next();
      const started = performance.now();
      try {
        const answer = await request({ port, agent, ...options });
        const { status, headers } = answer;
        this.outcomes.push({ kind, status, started, ended: performance.now(), retryAfter: headers['retry-after'] });
        if (headers.connection === 'close') break;
        // The client retries what it is asked to retry, without keeping a core busy meanwhile.
        if (status === 503) await pause(20);
      } catch (error) {
        this.lost.push({ kind, started, error: `${error.code ?? ''} ${error.message}` });
        break;
      }
    }
    agent.destroy();
  }

  /** Ends after the answers under way. */
  async stop() {
    this.stopped = true;
    await this.done;
    return this;
  }

  of(kind) {
    return this.outcomes.filter((outcome) => outcome.kind === kind);
  }

  /** How many answers there are, in all or of a status. */
  count(status) {
    return status === undefined ? this.outcomes.length : this.outcomes.filter((one) => one.status === status).length;
  }
}

/** What differs from `wanted` among requests that began when the first `wanted` had been answered. */
export function relapses(outcomes, wanted) {
  const turned = Math.min(...outcomes.filter((one) => one.status === wanted).map((one) => one.ended));
  return outcomes.filter((one) => one.started > turned && one.status !== wanted);
}
