// systemd-analyze: reads units as systemd does, without one running. Who imports this needs it.

import { Process, which } from './processes.mjs';
import { within } from './wait.mjs';

/** Runs it to its end: `{ code, output }`. */
export async function analyze(...args) {
  const started = Process.start(await which(['systemd-analyze']), ['--no-pager', ...args]);
  const { code, error } = await within(30_000, 'systemd-analyze to end', started.ended);
  if (error) throw error;
  return { code, output: started.stdout + started.stderr };
}
