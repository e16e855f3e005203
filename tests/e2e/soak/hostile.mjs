// Who means harm: malformed and smuggled heads, bodies cut off, half-open TLS, floods of resets. They are refused or closed;
// the upstreams note whatever reaches them that nobody meant.

import net from 'node:net';
import tls from 'node:tls';
import { setTimeout as pause } from 'node:timers/promises';

import * as framing from '../smuggling/framing.mjs';
import * as heads from '../smuggling/heads.mjs';
import { Conversation } from '../support/conversation.mjs';
import { within } from '../support/wait.mjs';
import { HOST } from './clients.mjs';
import { Flood } from './flood.mjs';
import { Holder, meant } from './good.mjs';
import { textOf } from './slow.mjs';

/** Of the cases of `smuggling/` those of which nothing may reach an upstream. */
const CASES = Object.values({ ...framing, ...heads }).flat()
  .filter(([, , outcome]) => outcome.upstream.length === 0 && !outcome.isPartial && !outcome.closes && !outcome.isHead);
const BOUND_MS = 20_000;

/** Over HTTP/1.1 in the clear. */
const PLAIN = [smuggle, smuggle, smuggle, cutInBody, leaveAtOnce, smuggle, breakChunks, garbage];
/** Over TLS. */
const SECURE = [halfHello, silence, garbageInside, rapidReset, plainText, resetAfterHandshake];

/** One attack after another until the soak is over. */
export async function drive(soak, door, first, restMs) {
  const attacks = door.ca ? SECURE : PLAIN;
  for (let turn = first; !soak.isOver; turn += 1) {
    const attack = attacks[turn % attacks.length];
    try {
      await within(BOUND_MS, attack.name, attack(soak, door, turn));
    } catch (error) {
      if (!soak.isLeaving) soak.tally.wrong(`hostile: ${attack.name}`, error.message);
    }
    await pause(restMs * (0.5 + Math.random()));
  }
}

async function smuggle(soak, door, turn) {
  const { tally } = soak;
  const [name, bytes, { answers, ends }] = CASES[turn % CASES.length];
  const client = await Conversation.open(door.port);
  try {
    client.send(bytes.replaceAll('TOKEN', new Holder().token));
    for (const [status] of answers) {
      const answer = await client.answer();
      if (!answer && soak.isLeaving) return tally.count('hostile: smuggle', 'not taken');
      if (answer?.status !== status) return tally.wrong('hostile: smuggle', `${name}: ${answer?.status}, not ${status}`);
    }
    const rest = ends ? await client.rest() : '';
    if (rest !== '') return tally.wrong('hostile: smuggle', `${name}: behind it came ${rest.slice(0, 100)}`);
    tally.count('hostile: smuggle', 'refused');
  } finally {
    client.destroy();
  }
}

/** Half a body that was allowed, and a reset: never whole anywhere. */
async function cutInBody(soak, door) {
  const [head, body] = paying(soak, 'untouched');
  const client = await Conversation.open(door.port);
  client.send(head + body.slice(0, body.length >> 1));
  await pause(20);
  client.reset();
  soak.tally.count('hostile: cutInBody', 'left');
}

/** A whole payment, and nobody there for the answer: made at most once. */
async function leaveAtOnce(soak, door) {
  const client = await Conversation.open(door.port);
  client.send(paying(soak, 'posted').join(''));
  await pause(Math.random() * 5);
  client.reset();
  soak.tally.count('hostile: leaveAtOnce', 'left');
}

async function breakChunks(soak, door) {
  const [head, body] = paying(soak, 'untouched');
  const client = await Conversation.open(door.port);
  client.send(`${head.replace(/content-length: \d+/, 'transfer-encoding: chunked')}10\r\n${body.slice(0, 16)}XX5\r\n`);
  // 502 to 504 where its upstream was away.
  await told(soak.tally, 'hostile: breakChunks', client, [400, 502, 503, 504]);
}

async function garbage({ tally }, door) {
  const client = await Conversation.open(door.port);
  client.send('\0\x01\x02garbage\r\n\r\n');
  await told(tally, 'hostile: garbage', client, [400]);
}

/** Refused by one of these, or closed. */
async function told(tally, kind, client, statuses) {
  const answer = await client.answer();
  const rest = await client.rest();
  client.destroy();
  if ((answer && !statuses.includes(answer.status)) || rest !== '') return tally.wrong(kind, `${answer?.status} ${answer?.text}, then ${rest.slice(0, 100)}`);
  tally.count(kind, answer ? 'refused' : 'closed');
}

function paying(soak, fate) {
  const request = meant(soak, new Holder(), { method: 'POST', length: 8000 });
  soak.tally.fate(request.id, fate);
  return textOf(request);
}

/** The beginning of a handshake, as OpenSSL makes it, and then nothing. */
async function halfHello({ tally }, door) {
  const socket = await connected(door);
  const hello = Buffer.from('16030100c8010000c40303', 'hex');
  socket.write(hello);
  await ended(socket);
  tally.count('hostile: halfHello', 'closed');
}

async function silence({ tally }, door) {
  const socket = await connected(door);
  await pause(100);
  socket.resetAndDestroy();
  tally.count('hostile: silence', 'left');
}

async function plainText({ tally }, door) {
  const socket = await connected(door);
  socket.write('GET /accounts HTTP/1.1\r\nHost: a\r\n\r\n');
  const said = await ended(socket);
  if (said.toString('latin1').startsWith('HTTP/')) return tally.wrong('hostile: plainText', 'answered without TLS');
  tally.count('hostile: plainText', 'closed');
}

async function garbageInside({ tally }, door) {
  const socket = await secured(door, ['http/1.1']);
  socket.write('\0\x01\x02garbage\r\n\r\n');
  const said = (await ended(socket)).toString('latin1');
  if (said !== '' && !said.startsWith('HTTP/1.1 400 ')) return tally.wrong('hostile: garbageInside', said.slice(0, 100));
  tally.count('hostile: garbageInside', said ? 'refused' : 'closed');
}

async function resetAfterHandshake({ tally }, door) {
  const raw = await connected(door);
  if (raw.destroyed) return;
  await secured(door, ['h2', 'http/1.1'], raw);
  raw.resetAndDestroy();
  tally.count('hostile: resetAfterHandshake', 'left');
}

/** Requests that are taken back at once, with tokens and without (CVE-2023-44487): the connection must be ended. */
async function rapidReset(soak, door) {
  const holder = new Holder();
  const socket = await secured(door, ['h2']);
  const flood = new Flood(socket);
  const closing = ended(socket);
  for (let stream = 1; stream < 4000 && !socket.destroyed && socket.writable; stream += 2) {
    const { target, headers } = stream % 4 === 1 ? meant(soak, holder, { method: 'GET', length: 100 }) : { target: '/accounts/unmeant', headers: {} };
    flood.open(stream, [[':method', 'GET'], [':scheme', 'https'], [':path', target], [':authority', HOST], ...Object.entries(headers)]);
    flood.reset(stream);
    if (stream % 100 === 1) await pause(1);
  }
  await closing;
  soak.tally.count('hostile: rapidReset', 'closed');
}

async function connected(door) {
  const socket = net.connect({ port: door.port, host: '127.0.0.1' });
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  return socket;
}

async function secured(door, protocols, raw) {
  const over = raw ? { socket: raw } : { port: door.port, host: '127.0.0.1' };
  const socket = tls.connect({ ...over, ca: door.ca, servername: HOST, ALPNProtocols: protocols });
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('secureConnect', resolve).once('close', resolve));
  return socket;
}

/** What comes until the peer ends. */
function ended(socket) {
  const pieces = [];
  // It never came to a connection: the gateway is gone.
  if (socket.destroyed) return Promise.resolve(Buffer.alloc(0));
  socket.on('data', (piece) => pieces.push(piece));
  return new Promise((resolve) => {
    for (const event of ['end', 'close']) socket.once(event, () => resolve(Buffer.concat(pieces)));
  }).finally(() => socket.destroy());
}
