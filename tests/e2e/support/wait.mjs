// Waits for something that another process will do, with a bound. Nothing here sleeps for a fixed time.

import { setTimeout as pause } from 'node:timers/promises';

/** Asks `probe` until it answers with something truthy, and returns that; past `within` it throws. */
export async function until(what, probe, { within = 10_000, every = 20 } = {}) {
  const deadline = performance.now() + within;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (performance.now() > deadline) throw new Error(`waited ${within} ms in vain for: ${what}`);
    await pause(every);
  }
}

/** Gives `promise` a bound. */
export async function within(ms, what, promise) {
  const timer = new AbortController();
  const late = pause(ms, undefined, { signal: timer.signal }).then(
    () => Promise.reject(new Error(`waited ${ms} ms in vain for: ${what}`)),
    () => new Promise(() => {}),
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}
