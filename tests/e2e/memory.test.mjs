// How much memory distinct tokens take, and that they take no more than `limits.verdicts` of it, however many come.
// SCOPEGATE_VERDICTS and SCOPEGATE_TOKENS ask for larger numbers than a test should take.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { AUDIENCE, Jws, Key } from './support/corpus/draft.mjs';
import { pipeline } from './support/pipeline.mjs';
import { World } from './support/world.mjs';

const VERDICTS = Number(process.env.SCOPEGATE_VERDICTS ?? 8_000);
const TOKENS = Number(process.env.SCOPEGATE_TOKENS ?? 3 * VERDICTS);
const BATCH = 2_000;
/** What `config/limits.rs` reckons with. */
const BYTES_PER_VERDICT_MAX = 1_024;
const MIB = 1024 * 1024;
const key = new Key('EdDSA', 'first');

let world;
let gateway;

before(async () => {
  world = await World.create();
  ({ gateway } = world);
  await writeFile(path.join(world.folder, 'jwks.json'), JSON.stringify({ keys: [key.jwk] }));
  const plain = gateway.configuration.bind(gateway);
  gateway.configuration = () =>
    plain().replace(/algorithms: .*/, 'algorithms: [EdDSA]').replace(/jwks: .*/, 'jwks: { file: jwks.json }') +
    `limits: { verdicts: ${VERDICTS} }\n`;
  await world.upstream.start();
  await gateway.start();
});
after(() => world?.stop());

test('distinct tokens fill the cache to its bound, and then take no more memory', async () => {
  // Buffers, connections and code are there before the first verdict is counted.
  await send(0, BATCH);
  const [start, first] = [await gateway.memory(), await remembered()];
  await send(BATCH, VERDICTS);
  const [full, held] = [await gateway.memory(), await remembered()];
  await send(VERDICTS, TOKENS);
  const [end, last] = [await gateway.memory(), await remembered()];

  const each = Math.round((full - start) / (held - first));
  console.log(`${TOKENS} distinct tokens, ${VERDICTS} verdicts at most: ${each} bytes a verdict; ` +
    `${(start / MIB).toFixed(1)} MiB with ${first}, ${(full / MIB).toFixed(1)} with ${held}, ${(end / MIB).toFixed(1)} at the end with ${last}`);
  assert.ok(held > 0.9 * VERDICTS && last <= VERDICTS, `${held}, then ${last}`);
  // Pages that the allocator has not given back are not verdicts.
  assert.ok(full - start < held * BYTES_PER_VERDICT_MAX + 4 * MIB, `${each} bytes a verdict`);
  assert.ok(end - full < 0.25 * (full - start) + 4 * MIB, `it grew by ${((end - full) / MIB).toFixed(1)} MiB more`);
});

/** Requests with the tokens of these numbers, each of which is let in. */
async function send(from, to) {
  for (let at = from; at < to; at += BATCH) {
    const count = Math.min(BATCH, to - at);
    const answers = await pipeline(gateway.port, Array.from({ length: count }, (_, n) => request(at + n)));
    assert.ok(answers.every(({ status }) => status === 200));
  }
}

function request(n) {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: world.issuer.url, sub: `customer-${n}`, aud: AUDIENCE, client_id: 'tpp-1', jti: `token-${n}`,
    iat: now, exp: now + 3600, scope: 'accounts payments',
  };
  const token = new Jws(key, { alg: 'EdDSA', typ: 'at+jwt', kid: key.kid }, claims).mint();
  return { method: 'GET', target: '/accounts', fields: [['authorization', `Bearer ${token}`]] };
}

async function remembered() {
  return Number(/^scopegate_verdicts (\d+)$/m.exec((await gateway.admin('/metrics')).text)[1]);
}
