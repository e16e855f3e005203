// sslscan: finds out what a TLS server takes by trying everything. Who imports this needs it.

import { Process, which } from './processes.mjs';
import { within } from './wait.mjs';

/** What it found, as a list of elements: `{ element, ...attributes }`. */
export async function sslscan(port) {
  const started = Process.start(await which(['sslscan']), ['--xml=-', '--no-colour', `127.0.0.1:${port}`]);
  try {
    const { code, error } = await within(100_000, 'sslscan to end', started.ended);
    if (error) throw error;
    if (code !== 0) throw new Error(`sslscan ended with ${code}:\n${started.stderr}`);
  } finally {
    await started.stop('SIGKILL');
  }
  const attributes = (text) => Object.fromEntries([...text.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));
  return [...started.stdout.matchAll(/<([\w-]+)((?: [\w-]+="[^"]*")+)\s*\/>/g)].map(([, element, text]) => ({ element, ...attributes(text) }));
}
