// The rules and alerts of deploy/prometheus, as Prometheus' own tool reads them.

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { RULES, promtool } from './support/prometheus.mjs';

const UNIT_TESTS = fileURLToPath(new URL('../fixtures/prometheus/', import.meta.url));

test('the rules are well-formed', async () => {
  const { code, text } = await promtool('check', 'rules', ...RULES);
  assert.equal(code, 0, text);
});

for (const name of ['alerts.test.yml', 'kpi.test.yml']) {
  test(`they give what ${name} says`, async () => {
    const { code, text } = await promtool('test', 'rules', path.join(UNIT_TESTS, name));
    assert.equal(code, 0, text);
  });
}
