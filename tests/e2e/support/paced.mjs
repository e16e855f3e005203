// A client that asks so many times a second, whatever happens to the others, and keeps how long each answer took.

import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

import { request } from './client.mjs';

/** `{ times, failures }`: milliseconds, sorted; what was not 200, as sentences. */
export async function paced({ rate, until: isOver, ...options }) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  const [times, failures, open] = [[], [], []];
  const begun = performance.now();
  for (let n = 0; !isOver(performance.now() - begun); n += 1) {
    const started = performance.now();
    const one = request({ agent, ...options }).then(
      ({ status }) => (status === 200 ? times.push(performance.now() - started) : failures.push(`${status}`)),
      (error) => failures.push(error.message),
    );
    open.push(one);
    await pause(Math.max(0, begun + ((n + 1) * 1000) / rate - performance.now()));
  }
  await Promise.all(open);
  agent.destroy();
  return { times: times.sort((one, other) => one - other), failures };
}

/** The time that so many of a hundred answers took at most. */
export const percentile = (times, of) => times[Math.min(times.length - 1, Math.floor((times.length * of) / 100))];
