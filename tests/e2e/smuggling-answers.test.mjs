// Upstreams that are broken or hostile. The client sees 502, an aborted message, or its own answer; what an upstream sends
// beyond that is nobody's answer, neither on this connection nor on another. The cases: `smuggling/answers.mjs`.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { ANSWERS, EARLY } from './smuggling/answers.mjs';
import { Conversation } from './support/conversation.mjs';
import { Hostile } from './support/hostile.mjs';
import { all } from './support/messages.mjs';
import { Stage } from './support/stage.mjs';

const ROUTES = `
  - { path: "/accounts/{*rest}", methods: [GET, HEAD], scopes: [accounts], upstream: api }`;
/** No answer to a client has these, whatever an upstream sent. */
const HOP_BY_HOP = ['keep-alive', 'proxy-authenticate', 'upgrade', 'trailer', 'x-evil'];

let upstream;
let gateway;
let token;

before(async () => {
  upstream = await new Hostile().start();
  gateway = await Stage.before(upstream.port, { routes: ROUTES, upstream: 'response_timeout: 2s, idle_timeout: 2s' });
  await gateway.start();
  token = gateway.token('accounts');
});
after(async () => {
  await gateway?.remove();
  await upstream?.stop();
});

test('a bad answer is 502 or an aborted message, and nobody is given what is left of it', async () => {
  const wrong = [];
  for (const one of ANSWERS) {
    const faults = await run(one);
    if (faults.length > 0) wrong.push(`${one[0]}\n    ${faults.join('\n    ')}`);
  }
  console.log(`${ANSWERS.length} answers of a hostile upstream: ${ANSWERS.length - wrong.length} as they must be`);
  assert.deepEqual(wrong, []);
});

test(EARLY[0], async () => {
  upstream.becomes({ greeting: EARLY[1] });
  for (let turn = 0; turn < 20; turn += 1) {
    const client = await Conversation.open(gateway.port);
    client.send(ask('GET', '/accounts/early'));
    const answer = await client.answer();
    // On a fresh connection nobody can tell it from a quick answer; on one that was used before it is found out.
    assert.ok([200, 502].includes(answer.status), `${answer.status}`);
    client.destroy();
  }
  upstream.becomes({});
  assert.deepEqual(await goOn(await Conversation.open(gateway.port), 'later'), []);
});

const ask = (method, target) => `${method} ${target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`;

async function run([name, octets, { status, text, isCut }, more = {}]) {
  const faults = [];
  upstream.becomes({ octets, ...more });
  const client = await Conversation.open(gateway.port);
  const method = more.method ?? 'GET';
  client.send(ask(method, '/accounts/bad'));
  let answer;
  try {
    do answer = await client.answer({ isHead: method === 'HEAD' });
    while (answer?.status < 200);
    if (isCut ? answer !== undefined : !status.includes(answer?.status)) faults.push(`answered ${answer?.status} ${answer?.text}`);
    if (text !== undefined && answer?.text !== text) faults.push(`said ${JSON.stringify(answer?.text)}`);
    if (answer && HOP_BY_HOP.some((field) => all(answer, field).length > 0)) faults.push(`with ${JSON.stringify(answer.fields)}`);
    if (answer?.status === 502 && all(answer, 'content-type')[0] !== 'application/problem+json') faults.push('a 502 that is not ours');
  } catch (fault) {
    faults.push(fault.message);
  }
  await upstream.later();
  upstream.becomes({});
  // On this connection, where it goes on, and on another.
  if (answer && !answer.closes) faults.push(...await goOn(client, 'same'));
  faults.push(...await goOn(await Conversation.open(gateway.port), 'other'));
  client.destroy();
  return faults;
}

/** Three requests, each of which must get its own answer. */
async function goOn(client, which) {
  const faults = [];
  for (let turn = 0; turn < 3; turn += 1) {
    const target = `/accounts/${which}-${turn}`;
    client.send(ask('GET', target));
    const answer = await client.answer().catch((fault) => ({ text: fault.message }));
    if (answer?.text !== `GET ${target}`) faults.push(`${which} connection, request ${turn}: ${answer?.status} ${JSON.stringify(answer?.text)}`);
    if (!answer || answer.closes) break;
  }
  client.destroy();
  return faults;
}
