// Python programs in the virtual environment that tests/setup.sh makes. Who imports this needs it.

import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Process } from './processes.mjs';
import { within } from './wait.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Where its programs are. */
export const PROGRAMS = path.resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target', 'python/bin');
// Nothing is written beside the sources, and what is printed comes at once.
const ENVIRONMENT = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' };

/** Runs a file of tests/e2e/support/python with arguments, and returns the JSON that it prints. */
export async function python(file, ...args) {
  const script = fileURLToPath(new URL(`python/${file}`, import.meta.url));
  const { code, stdout, stderr } = await run('python', [script, ...args]);
  if (code !== 0) throw new Error(`${file} ended with ${code}:\n${stdout}${stderr}`);
  return JSON.parse(stdout);
}

/** Runs a program of the virtual environment to its end: `{ code, stdout, stderr }`. */
export async function run(program, args, { cwd, bound = 100_000 } = {}) {
  const started = Process.start(path.join(PROGRAMS, program), args, { cwd, env: ENVIRONMENT });
  try {
    const { code, error } = await within(bound, `${program} to end`, started.ended);
    if (error) throw error;
    return { code, stdout: started.stdout, stderr: started.stderr };
  } finally {
    await started.stop('SIGKILL');
  }
}
