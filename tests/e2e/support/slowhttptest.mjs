// slowhttptest: opens many connections and is slow on each of them, in four ways. Who imports this needs it.

import { Process, which } from './processes.mjs';
import { within } from './wait.mjs';

/** Runs it for `seconds` and returns what it printed. */
export async function slowhttptest(args, seconds) {
  const started = Process.start(await which(['slowhttptest']), [...args, '-l', `${seconds}`, '-p', '5', '-v', '1']);
  try {
    const { error } = await within((seconds + 40) * 1000, 'slowhttptest to end', started.ended);
    if (error) throw error;
    return started.stdout;
  } finally {
    await started.stop('SIGKILL');
  }
}
