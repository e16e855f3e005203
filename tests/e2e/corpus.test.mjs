// A corpus of good and broken tokens and proofs, given to the gateway and to oauth4webapi's resource server: they agree, or
// the difference is written down in support/corpus/differences.mjs with its reason. What is broken and how is the same in
// each run, keys and dates are the run's own; SCOPEGATE_CORPUS_SEED chooses other cases.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';

import * as oauth from 'oauth4webapi';

import { classes } from './support/corpus/classes.mjs';
import { DIFFERENCES, explain, verdicts } from './support/corpus/differences.mjs';
import { AUDIENCE, Draft, ISSUER, LEEWAY, ORIGIN, PROOF_AGE, Parties, Random, start } from './support/corpus/draft.mjs';
import { pipeline } from './support/pipeline.mjs';
import { World } from './support/world.mjs';

const SEED = Number(process.env.SCOPEGATE_CORPUS_SEED ?? 20_261_125);
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const parties = new Parties();
const random = new Random(SEED);
const seconds = () => Math.floor(Date.now() / 1000);

let world;
/** Every case with the gateway's answer and what the library says. */
const outcomes = [];
/** How often the gateway let a request in, also where it had to be judged again. */
let forwarded = 0;

before(async () => {
  world = await World.create();
  const { gateway, upstream } = world;
  await writeFile(path.join(world.folder, 'jwks.json'), JSON.stringify(parties.set));
  const plain = gateway.configuration.bind(gateway);
  gateway.configuration = () =>
    plain('\n  - { path: /accounts, methods: [GET], scopes: [accounts], upstream: api }\n')
      .replace('server: {', `server: { public_origin: "${ORIGIN}", `)
      .replace(/issuer: ".*"/, `issuer: "${ISSUER}"`)
      .replace(/algorithms: .*/, `algorithms: [${ALGORITHMS}]\n    leeway: ${LEEWAY}s`)
      .replace(/jwks: .*/, 'jwks: { file: jwks.json }') + `dpop: { algorithms: [${ALGORITHMS}], max_age: ${PROOF_AGE}s }\n`;
  await upstream.start();
  await gateway.start();
  start.second = seconds() + 1;
  while (seconds() < start.second) await new Promise((resolve) => setTimeout(resolve, 50));
});
after(() => world?.stop());

test('every case gets a verdict from both sides', async () => {
  const all = classes().flatMap((one) => Array.from({ length: one.times }, () => one));
  const [timed, plain] = [all.filter((one) => one.timed), all.filter((one) => !one.timed)];
  for (let at = 0; at < plain.length; at += 1000) outcomes.push(...(await judge(plain.slice(at, at + 1000))));
  for (let at = 0; at < timed.length; at += 40) outcomes.push(...(await judgeWithinOneSecond(timed.slice(at, at + 40))));
  assert.ok(outcomes.length >= 5000, `${outcomes.length} cases`);
});

test('the verdicts agree, but for the differences that are written down', () => {
  const wrong = new Set();
  for (const { name, differs, random: isRandom, request, gateway, library, answer, why } of outcomes) {
    const agrees = differs ? gateway === verdicts(differs).gateway && library === verdicts(differs).library : gateway === library;
    const expected = differs ? ` (should differ: ${differs})` : '';
    const exactly = isRandom ? ` ${readable(request)}` : '';
    if (!agrees) wrong.add(`${name}${expected}${exactly}: the gateway says ${answer.status} ${answer.challenge ?? ''}, the library ${why}`);
  }
  assert.equal([...wrong].join('\n'), '');
});

test('what is good is let in, and every way to break it is there', () => {
  const accepted = outcomes.filter(({ gateway, library }) => gateway && library).length;
  const refused = outcomes.filter(({ gateway, library }) => !gateway && !library).length;
  const good = outcomes.filter(({ name }) => name.startsWith('good: '));
  assert.ok(good.every(({ gateway, library }) => gateway && library), 'a good one is refused');
  const unseen = Object.keys(DIFFERENCES).filter((name) => !outcomes.some(({ differs }) => differs === name));
  assert.deepEqual(unseen, [], 'differences that no case shows');
  assert.ok(accepted >= 1000 && refused >= 3000, `${accepted} accepted, ${refused} refused`);
  console.log(`${outcomes.length} cases of ${new Set(outcomes.map(({ name }) => name)).size} classes: both accept ${accepted}, ` +
    `both refuse ${refused}, ${outcomes.length - accepted - refused} differ for ${Object.keys(DIFFERENCES).length} reasons that are written down`);
});

test('each refusal has a challenge and is the token\'s fault; the upstream saw what was accepted and no more', async () => {
  const odd = outcomes.filter(({ gateway, answer }) => !gateway && !([400, 401, 403].includes(answer.status) && answer.challenge));
  assert.deepEqual(odd.map(({ name, answer }) => `${name}: ${answer.status}`), []);
  const seen = (await world.upstream.requests()).filter(({ target }) => target.startsWith('/accounts')).length;
  assert.equal(seen, forwarded);
});

async function judge(batch) {
  const now = seconds();
  const cases = batch.map((one) => {
    const draft = new Draft(parties, random, now, one.options);
    one.spoil(draft);
    return { name: one.name, differs: one.differs, random: one.random, spent: one.again === true, request: draft.request() };
  });
  // A proof is used up by its first request; what is judged is the second.
  const first = await pipeline(world.gateway.port, cases.filter(({ spent }) => spent).map(({ request }) => request));
  assert.ok(first.every(({ status }) => status === 200));
  const requests = cases.map(({ request }) => request);
  forwarded += first.length;
  const [answers, opinions] = await Promise.all([pipeline(world.gateway.port, requests), Promise.all(requests.map(opinion))]);
  forwarded += answers.filter(({ status }) => status === 200).length;
  return cases.map((one, at) => {
    const [answer, why] = [answers[at], opinions[at]];
    const [gateway, library] = [answer.status === 200, why === 'accepts'];
    const differs = one.random && gateway !== library ? explain(one.request, now) : one.differs;
    return { ...one, differs, answer, why, gateway, library };
  });
}

/** Where a second decides, both must have looked in the second that the case was made for. */
async function judgeWithinOneSecond(batch) {
  for (let tries = 0; tries < 20; tries += 1) {
    const begun = seconds();
    const judged = await judge(batch);
    if (seconds() === begun) return judged;
  }
  throw new Error('the machine is too slow to judge 40 cases within one second');
}

const authorizationServer = { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` };
const options = {
  [oauth.clockTolerance]: LEEWAY,
  [oauth.customFetch]: async () => Response.json(parties.set),
  // RFC 9864 has another name for the one kind of EdDSA there is here.
  signingAlgorithms: [...ALGORITHMS, 'Ed25519'],
};

/** What oauth4webapi says: `accepts`, or why not. */
async function opinion({ method, target, fields }) {
  try {
    const headers = new Headers();
    for (const [name, value] of fields) headers.append(name, value);
    await oauth.validateJwtAccessToken(authorizationServer, new Request(`${ORIGIN}${target}`, { method, headers }), AUDIENCE, options);
    return 'accepts';
  } catch (refusal) {
    return `refuses: ${refusal.message}`;
  }
}

/** A request's tokens as texts, for whoever must find out. */
function readable({ fields }) {
  const text = (part) => Buffer.from(part, 'base64url').toString();
  return fields.map(([name, value]) => `${name}: ${value.split('.').slice(0, 2).map((part) => text(part.split(' ').at(-1))).join(' ')}`).join(', ');
}
