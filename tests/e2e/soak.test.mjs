// The soak of `make soak`, short and with everything more often: that it works, and that nothing is wrong in its first seconds.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { report } from './soak/report.mjs';
import { soak } from './soak/soak.mjs';

test('mixed load, reloads and restarts: no wrong answer, nothing lost, nothing twice', async () => {
  const ended = await soak({ seconds: 15, reloadMs: 2_000, restartMs: 5_000, sampleMs: 1_000 });
  const { text, isGood } = report(ended);
  console.log(text);
  assert.ok(isGood, text);
  const { reloads, restarts, outcomes } = ended.tally;
  assert.ok(reloads.taken >= 6 && reloads.refused >= 2 && restarts.killed + restarts.ended >= 2, text);
  for (const kind of ['good', 'refused', 'slow', 'hostile']) assert.ok([...outcomes.keys()].some((one) => one.startsWith(kind)), kind);
});
