// Thousands of hostile connections one after the other and beside each other: garbage, half heads, slow ones, resets,
// bodies that stop. What the gateway takes for them it gives back, and whoever is polite notices nothing.
// SCOPEGATE_HOSTILE asks for more connections a round than a test should take.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Conversation } from './support/conversation.mjs';
import { Hostile } from './support/hostile.mjs';
import { Stage } from './support/stage.mjs';
import { until } from './support/wait.mjs';

const CONNECTIONS = Number(process.env.SCOPEGATE_HOSTILE ?? 2_000);
const ROUNDS = 4;
const AT_ONCE = 100;
const MIB = 1024 * 1024;
/** What an allocator keeps for next time is no leak, as long as it does not grow with the rounds. */
const MARGIN = 4 * MIB;
const ROUTES = `
  - { path: /accounts, methods: [GET], scopes: [accounts], upstream: api }
  - { path: "/accounts/{*rest}", methods: [GET], scopes: [accounts], upstream: api }
  - { path: /payments, methods: [POST], scopes: [payments], upstream: api }`;

let upstream;
let gateway;
let token;

before(async () => {
  upstream = await new Hostile().start();
  gateway = await Stage.before(upstream.port, { routes: ROUTES, server: 'workers: 2', limits: 'head_timeout: 1s, stall_timeout: 1s' });
  await gateway.start();
  token = gateway.token('accounts payments');
});
after(async () => {
  await gateway?.remove();
  await upstream?.stop();
});

const head = (line, ...fields) => [`${line} HTTP/1.1`, 'Host: a', `Authorization: Bearer ${token}`, ...fields, '', ''].join('\r\n');
const leave = (client) => client.destroy();
const drop = (client) => client.reset();
const wait = async (client) => {
  await client.rest();
  client.destroy();
};
/** What is sent, and how it is left. */
const MANNERS = [
  ['garbage', () => '\0\x01\x02garbage\r\n\r\n', wait],
  ['a TLS hello', () => `\x16\x03\x01${'\0'.repeat(500)}`, drop],
  ['nothing at all', () => '', drop],
  ['half a request line', () => 'GET /accounts?', drop],
  ['half a head that never goes on', () => 'GET /accounts HTTP/1.1\r\nHost: a\r\n', wait],
  ['a head just below the bound, unfinished', () => `GET /accounts HTTP/1.1\r\nX: ${'y'.repeat(32_000)}`, leave],
  ['a head beyond the bound', () => `GET /accounts HTTP/1.1\r\nX: ${'y'.repeat(64_000)}`, wait],
  ['a hundred fields and one', () => `GET /accounts HTTP/1.1\r\n${'X: y\r\n'.repeat(101)}\r\n`, wait],
  ['a token that nobody signed', () => head('GET /accounts').replace(token, `${token.slice(0, -8)}AAAAAAAA`), leave],
  ['a body that stops', () => `${head('POST /payments', 'Content-Length: 100000')}${'x'.repeat(50_000)}`, drop],
  ['a body that never begins', () => head('POST /payments', 'Content-Length: 100000'), wait],
  ['chunks that stop', () => `${head('POST /payments', 'Transfer-Encoding: chunked')}ffff\r\n${'x'.repeat(30_000)}`, leave],
  ['chunks that break', () => `${head('POST /payments', 'Transfer-Encoding: chunked')}5\r\nhelloXX`, wait],
  ['an answer that nobody reads', () => head('GET /accounts').repeat(50), drop],
  ['an answer that nobody waits for', () => head('GET /accounts/x'), drop],
  ['CL and TE', () => `${head('POST /payments', 'Content-Length: 4', 'Transfer-Encoding: chunked')}0\r\n\r\n`, wait],
];

test('what hostile connections take is given back', async () => {
  const memory = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const started = performance.now();
    await attack();
    await until('them all to be gone', async () => await gateway.metric('scopegate_connections') === 0, { within: 20_000, every: 50 });
    await upstreamIsFree();
    memory.push(await gateway.memory());
    if (round > 0) assert.ok(memory[round] < memory[0] + MARGIN, `${memory.map((bytes) => (bytes / MIB).toFixed(1))} MiB`);
    console.log(`round ${round}: ${CONNECTIONS} hostile connections in ${((performance.now() - started) / 1000).toFixed(1)} s, ` +
      `then ${(memory[round] / MIB).toFixed(1)} MiB`);
  }
});

/** A round; meanwhile one client asks politely, and is answered each time. */
async function attack() {
  let left = CONNECTIONS;
  let isOver = false;
  const polite = (async () => {
    while (!isOver) {
      const answer = await gateway.request({ path: '/accounts/polite', token });
      assert.equal(answer.status, 200, answer.text);
    }
  })();
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      const [, bytes, end] = MANNERS[left % MANNERS.length];
      const client = await Conversation.open(gateway.port);
      client.send(bytes());
      await end(client);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  isOver = true;
  await polite;
}

/** No connection to the upstream is left in use: only idle ones, and those few. */
async function upstreamIsFree() {
  await until('connections to the upstream to be given up', () => upstream.connections < 2 * AT_ONCE, { within: 5_000 });
}
