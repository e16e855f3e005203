// Drives an API by its OpenAPI document and checks every answer against it. Inputs are the same in every run.

import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { run } from './python.mjs';

/** Beside these it has checks that ask for more than the document promises. */
const CHECKS = ['not_a_server_error', 'status_code_conformance', 'content_type_conformance', 'response_headers_conformance', 'response_schema_conformance'];

/**
 * Drives the API at `url` by `document`, a file or an address, with these header fields: throws with its report if an
 * answer is a 5xx or not as the document says, and returns the report otherwise. It must not have done nothing.
 */
export async function drive({ document, url, headers = {}, examples = 30, checks = CHECKS, phases = ['examples', 'coverage', 'fuzzing'], more = [] }) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'scopegate-schemathesis-'));
  const fields = Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);
  const args = [
    'run', document, '--url', url, ...fields, '--checks', checks.join(','), '--phases', phases.join(','), '--max-examples', `${examples}`,
    '--generation-deterministic', '--continue-on-failure', '--no-color', ...more,
  ];
  try {
    const { code, stdout, stderr } = await run('schemathesis', args, { cwd: folder });
    if (code !== 0) throw new Error(`schemathesis ended with ${code}:\n${stdout}${stderr}`);
    if (!/\b[1-9]\d* (?:test cases )?generated\b/.test(stdout)) throw new Error(`schemathesis tested nothing:\n${stdout}`);
    return stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
