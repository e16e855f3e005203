// The dashboards are what Grafana can read, by its own library.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { run } from './support/python.mjs';

const READER = fileURLToPath(new URL('support/python/dashboards.py', import.meta.url));
const FOLDER = fileURLToPath(new URL('../../deploy/grafana/', import.meta.url));
const FILES = ['operations.json', 'banking-kpis.json'].map((name) => path.join(FOLDER, name));

test('every key of the dashboards is one of the schema', async () => {
  const { code, stdout, stderr } = await run('python', [READER, ...FILES]);
  assert.equal(code, 0, stdout + stderr);
});

test('one that is not would be found', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'scopegate-e2e-'));
  try {
    const board = JSON.parse(await readFile(FILES[0], 'utf8'));
    board.panels[1].fieldConfig.defaults.unitt = 'x';
    const bad = path.join(folder, 'bad.json');
    await writeFile(bad, JSON.stringify(board));
    const { code, stdout } = await run('python', [READER, bad]);
    assert.equal(code, 1);
    assert.match(stdout, /unitt is not in the schema/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('panels have numbers of their own, and do not lie on each other', async () => {
  for (const file of FILES) {
    const { panels, uid } = JSON.parse(await readFile(file, 'utf8'));
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    assert.match(uid, /^[a-z-]{1,40}$/);
    const taken = new Set();
    for (const { title, gridPos: { x, y, w, h } } of panels) {
      assert.ok(x + w <= 24, title);
      for (let column = x; column < x + w; column += 1) {
        for (let line = y; line < y + h; line += 1) {
          assert.ok(!taken.has(`${column} ${line}`), `${title} lies on another`);
          taken.add(`${column} ${line}`);
        }
      }
    }
  }
});
