// helm and kubectl, which tests/setup.sh takes out of a package, and Kubernetes' own schemas. Who imports this needs all three.

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Process } from './processes.mjs';
import { python } from './python.mjs';
import { within } from './wait.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PROGRAMS = path.resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target', 'helm');
export const CHART = path.join(ROOT, 'deploy/helm/scopegate');

/** Runs one of the two to its end: `{ code, stdout, stderr }`. Neither may know a cluster of this machine's user. */
async function run(program, args, cwd) {
  const env = { PATH: process.env.PATH, HOME: cwd, KUBECONFIG: path.join(cwd, 'none') };
  const started = Process.start(path.join(PROGRAMS, program), args, { cwd, env });
  try {
    const { code, error } = await within(60_000, `${program} to end`, started.ended);
    if (error) throw error;
    return { code, stdout: started.stdout, stderr: started.stderr };
  } finally {
    await started.stop('SIGKILL');
  }
}

export const helm = (args, cwd) => run('helm', args, cwd);
export const kubectl = (args, cwd) => run('kubectl', args, cwd);

/** What `text` declares: `{ kind, name, fault, object }` for each; `fault` is null where Kubernetes does not know the kind. */
export async function declared(text, cwd, version = '1.37') {
  const file = path.join(cwd, 'declared.yaml');
  await writeFile(file, text);
  return python('kubernetes.py', version, file);
}
