// Request smuggling, desynchronisation and malformed heads as raw octets, in front of three servers that others wrote: each
// receives exactly the requests that were authorised, or none. Between the gateway and the server every octet is recorded
// and read by the letter of RFC 9112; what the server itself made of them is in its own log. The cases: `smuggling/`.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import * as framing from './smuggling/framing.mjs';
import * as heads from './smuggling/heads.mjs';
import { Conversation } from './support/conversation.mjs';
import { all, requests } from './support/messages.mjs';
import { Origin } from './support/origins.mjs';
import { PROGRAMS } from './support/python.mjs';
import { Relay } from './support/relay.mjs';
import { Stage } from './support/stage.mjs';

const ROUTES = `
  - { path: /accounts, methods: [GET, HEAD], scopes: [accounts], upstream: api }
  - { path: "/accounts/{*rest}", methods: [GET, HEAD], scopes: [accounts], upstream: api }
  - { path: /payments, methods: [POST], scopes: [payments], upstream: api }
  - { path: "/admin/{*rest}", methods: [GET], scopes: [admin], upstream: api }`;
const GROUPS = { ...framing, ...heads };
/** Every group's own name begins what its cases are called. */
const CASES = Object.entries(GROUPS).flatMap(([group, rows]) => rows.map(([name, bytes, outcome]) => ({ name: `${group}: ${name}`, bytes, outcome })));
/** Whatever the network cuts, the outcome is the same. */
const SPLIT = [
  'LINES: a good request', 'LINES: one empty line before it (RFC 9112 §2.2)', 'MIXES: CL.TE', 'CHUNK_SIZES: chunk size an extension with a value',
  'CHUNK_SIZES: chunk size with 0x', 'CODINGS: TE a vertical tab behind (CVE-2026-2835)', 'FIELDS: field folded (RFC 9112 §5.2)', 'PIPELINES: good, then bad',
];
/** Of the test's own: none of these is a case's. */
const OURS = ['/accounts/after', '/accounts/mark', '/up'];

let folder;
let origins;
let relay;
let gateway;
let token;
let marks = 0;
/** The last case's request was broken off: a server with threads may find that out, and log it, when the mark behind it is logged. */
let mayBeLate = false;

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'scopegate-e2e-'));
  origins = await Origin.all(folder, path.join(PROGRAMS, 'python3'));
  relay = await new Relay().start();
  gateway = await Stage.before(relay.port, { routes: ROUTES });
  await gateway.start();
  token = gateway.token('accounts payments');
});
after(async () => {
  await gateway?.remove();
  await relay?.stop();
  for (const origin of origins ?? []) await origin.stop();
  await rm(folder, { recursive: true, force: true });
});

test('there are as many cases as we say', () => {
  assert.ok(CASES.length >= 300, `${CASES.length}`);
  assert.deepEqual(CASES.map(({ name }) => name).filter((name, at, names) => names.indexOf(name) !== at), []);
  assert.deepEqual(SPLIT.filter((name) => !CASES.some((one) => one.name === name)), []);
});

for (const [at, name] of ['nginx', 'node', 'python'].entries()) {
  test(`${name} receives the authorised request and nothing else`, async () => {
    const origin = origins[at];
    relay.towards(origin.port);
    await mark(origin);
    const wrong = [];
    for (const one of CASES) {
      const faults = await run(one, [bytesOf(one)], origin);
      if (faults.length > 0) wrong.push(`${one.name}\n    ${faults.join('\n    ')}`);
    }
    console.log(`${CASES.length} cases in front of ${name}: ${CASES.length - wrong.length} as they must be`);
    assert.deepEqual(wrong, []);
  });

  test(`${name} receives the same however the octets are cut`, async () => {
    const origin = origins[at];
    relay.towards(origin.port);
    await mark(origin);
    const [wrong, parts] = [[], SPLIT.filter((_, place) => place % 3 === at)];
    let cuts = 0;
    for (const one of CASES.filter(({ name }) => parts.includes(name))) {
      const whole = bytesOf(one);
      // Every boundary but those within the token.
      const places = Array.from({ length: whole.length - 1 }, (_, cut) => cut + 1).filter((cut) => !inToken(whole, cut));
      for (const pieces of [...places.map((cut) => [whole.slice(0, cut), whole.slice(cut)]), [...whole]]) {
        const faults = await run(one, pieces, origin);
        cuts += 1;
        if (faults.length > 0) wrong.push(`${one.name} cut after ${pieces[0].length}\n    ${faults.join('\n    ')}`);
      }
    }
    console.log(`${cuts} cuts of ${parts.length} cases in front of ${name}: ${cuts - wrong.length} as they must be`);
    assert.deepEqual(wrong, []);
  });
}

const bytesOf = ({ bytes }) => bytes.replaceAll('TOKEN', token);
const authorized = (target) => `GET ${target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`;

function inToken(text, cut) {
  const from = text.indexOf(token);
  return from >= 0 && cut > from + 1 && cut < from + token.length - 1;
}

/** Plays one case and returns what was wrong, as sentences. */
async function run({ outcome }, pieces, origin) {
  const faults = [];
  const client = await Conversation.open(gateway.port);
  try {
    for (const [at, piece] of pieces.entries()) {
      if (at > 0) await pause(pieces.length > 2 ? 0 : 1);
      client.send(piece);
    }
    faults.push(...await answersOf(client, outcome));
  } catch (fault) {
    faults.push(fault.message);
  }
  client.destroy();
  const logged = await mark(origin);
  try {
    faults.push(...upstreamOf(relay.take(), logged, outcome, mayBeLate));
    mayBeLate = Boolean(outcome.isPartial);
  } catch (fault) {
    faults.push(`upstream: ${fault.message}`);
  }
  return faults;
}

/** What the client was answered, against what it should have been. */
async function answersOf(client, { answers, ends, closes, isHead }) {
  const faults = [];
  // What stands behind a refusal would be forwarded if it were read.
  if (ends && !closes) client.send(authorized('/accounts/behind'));
  if (closes && answers.length === 0) client.end();
  for (const [status, text] of answers) {
    let answer;
    do answer = await client.answer({ isHead });
    while (answer?.status < 200);
    if (answer?.status !== status || (text !== undefined && answer.text !== text)) {
      faults.push(`answered ${answer?.status} ${JSON.stringify(answer?.text.slice(0, 160))}, not ${status} ${text ?? ''}`);
    }
    if (!answer) return faults;
  }
  if (closes && answers.length > 0) client.end();
  if (ends) {
    const rest = await client.rest();
    if (rest !== '' && !closes) faults.push(`behind the last answer came ${JSON.stringify(rest.slice(0, 200))}`);
  } else {
    client.send(authorized('/accounts/after'));
    const answer = await client.answer();
    if (answer?.text !== 'GET /accounts/after') faults.push(`the next request was answered ${answer?.status} ${JSON.stringify(answer?.text)}`);
  }
  return faults;
}

/** What left the gateway and what the server read, against what should have. */
function upstreamOf(texts, logged, { upstream, isPartial }, mayHaveOther) {
  const faults = [];
  const isOurs = ({ target }) => OURS.some((ours) => target.startsWith(ours));
  const read = logged.filter((entry) => !isOurs(entry) && !((isPartial || mayHaveOther) && entry.status !== 200));
  const wanted = upstream.map(({ what, body }) => [what, body]);
  const same = (found) => found.length === wanted.length &&
    found.every(({ method, target, body }, at) => `${method} ${target}` === wanted[at][0] && (wanted[at][1] ?? body) === body);
  if (!same(read) || read.some(({ status }) => status !== 200)) faults.push(`the server read ${JSON.stringify(read)}`);
  if (logged.some(({ target }) => target.startsWith('/admin') || target.includes('behind'))) faults.push('the canary got through');
  if (isPartial) return faults;

  const sent = texts.flatMap((text) => requests(text)).filter((one) => !isOurs(one));
  if (!same(sent)) faults.push(`the gateway sent ${JSON.stringify(sent)}`);
  for (const [at, { has, without }] of upstream.entries()) {
    const one = sent[at];
    if (!one) break;
    for (const name of [...without, 'authorization', 'expect', 'upgrade', 'keep-alive']) {
      if (all(one, name).length > 0) faults.push(`${name} was sent: ${all(one, name)}`);
    }
    for (const [name, value] of Object.entries(has)) {
      if (all(one, name).join() !== value) faults.push(`${name} is ${JSON.stringify(all(one, name))}, not ${JSON.stringify(value)}`);
    }
    if (one.fields.some(([, value]) => value.includes('forged') || value.includes('evil.example'))) faults.push('a forged value was sent');
  }
  return faults;
}

/** A request behind everything: when the server has logged it, it has logged all that came before. Returns what it logged. */
async function mark(origin) {
  const target = `/accounts/mark-${(marks += 1)}-`;
  const answer = await gateway.request({ path: target, token });
  assert.equal(answer.status, 200, answer.text);
  return origin.take(target);
}
