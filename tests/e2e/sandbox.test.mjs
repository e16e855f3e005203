// `scopegate sandbox` is the first thing anybody runs: it must tell its story to the end without help.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import { PROGRAM } from './support/gateway.mjs';
import { Process } from './support/processes.mjs';
import { until } from './support/wait.mjs';

const TICK = /[✓✔]/u;
const CROSS = /[✗✘✖❌×]/u;
const COMPLETE = /\b(story|steps?)\b.*\b(complete|told|done|passed|kept)\b/i;

test('`scopegate sandbox` tells its whole story, every step with a tick, and ends with code 0 on SIGTERM', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'scopegate-sandbox-'));
  const sandbox = Process.start(PROGRAM, ['sandbox', '--listen', '127.0.0.1:0', '--portal', '127.0.0.1:0'], { cwd: folder });
  try {
    await until('the story to be complete', () => {
      sandbox.assertRunning();
      return COMPLETE.test(sandbox.stdout);
    }, { within: 60_000 });
    const steps = sandbox.stdout.split('\n').filter((line) => TICK.test(line) || CROSS.test(line));
    assert.deepEqual(steps.filter((line) => CROSS.test(line)), []);
    assert.ok(steps.length >= 5, `a story has steps:\n${sandbox.stdout}`);
    const told = sandbox.stdout + sandbox.stderr;
    assert.doesNotMatch(told, /eyJ[\w-]+\.[\w-]+\.[\w-]{20,}/, 'no whole token is shown');
    assert.deepEqual(await sandbox.stop('SIGTERM'), { code: 0, signal: null });
  } finally {
    await sandbox.stop('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
});
