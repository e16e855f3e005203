// Clients that are slow on purpose: whoever keeps within the bounds is served, and whoever does not is told so or closed.

import { setTimeout as pause } from 'node:timers/promises';

import { Conversation } from '../support/conversation.mjs';
import { bodyOf } from './body.mjs';
import { Holder, meant } from './good.mjs';

const PIECES = 12;
const BETWEEN_MS = 120;

/** `[name, method, length, how]`; `how` plays it and returns the outcome. */
const MANNERS = [
  ['a head in drops', 'GET', 200, async (client, head) => {
    await drip(client, head);
    return served(client);
  }],
  ['a body in drops', 'POST', 600, async (client, head, body) => {
    client.send(head);
    await drip(client, body);
    return served(client);
  }],
  ['a head that never ends', 'GET', 200, async (client, head) => {
    await drip(client, head.slice(0, -2));
    return served(client);
  }],
  ['a body that never ends', 'POST', 600, async (client, head, body) => {
    client.send(head);
    await drip(client, body.slice(0, -2));
    return served(client);
  }],
  ['reading in drops', 'GET', 512 * 1024, async (client, head) => {
    client.send(head);
    for (let drop = 0; drop < PIECES; drop += 1) {
      client.pause();
      await pause(BETWEEN_MS);
      client.resume();
      await pause(5);
    }
    return served(client);
  }],
  ['never reading', 'GET', 1024 * 1024, async (client, head) => {
    client.pause();
    client.send(head);
    await pause(PIECES * BETWEEN_MS);
    client.reset();
    return 'left';
  }],
];

/** One slow client after another until the soak is over, over HTTP/1.1. */
export async function drive(soak, door, first) {
  for (let turn = first; !soak.isOver; turn += 1) {
    const [name, method, length, how] = MANNERS[turn % MANNERS.length];
    const kind = `slow: ${name}`;
    const isUnending = name.endsWith('never ends');
    const begun = performance.now();
    const request = meant(soak, new Holder(), { method, length });
    if (isUnending) soak.tally.fate(request.id, 'untouched');
    const client = await Conversation.open(door.port);
    try {
      const outcome = await how(client, ...textOf(request));
      judge(soak, kind, request, outcome, begun);
    } catch (error) {
      if (!soak.mayBeLeft(begun)) soak.tally.wrong(kind, error.message);
    }
    client.destroy();
  }
}

function judge(soak, kind, request, outcome, begun) {
  const { tally } = soak;
  const isUnending = kind.endsWith('never ends');
  if (outcome === 'left') return tally.count(kind, 'left');
  if (outcome === 'closed') {
    // Before the end of a head nobody need be told anything; who waits for an answer must have one.
    if (isUnending) return tally.count(kind, 'closed');
    // A head that was not whole yet when the gateway was told to end is no request.
    if (soak.mayBeLeft(begun) || (soak.isLeaving && kind.endsWith('a head in drops'))) {
      tally.fate(request.id, 'untouched');
      return tally.count(kind, 'not taken');
    }
    // An answer that broke off with its server.
    if (soak.wasRestless(begun)) return tally.count(kind, 'cut short');
    return tally.wrong(kind, 'closed without an answer');
  }
  const { status, text } = outcome;
  if (status >= 502 && status <= 504 && soak.wasRestless(begun)) return tally.count(kind, status);
  const isRight = isUnending ? status === 408 : status === (request.body ? 201 : 200) && text === bodyOf(request.id, request.length).toString('latin1');
  if (!isRight) return tally.wrong(kind, `answered ${status} ${text.slice(0, 200)}`);
  if (!isUnending) tally.fate(request.id, request.body ? 'paid' : 'answered');
  tally.count(kind, status);
}

/** Head and body as they go over the wire. */
export function textOf({ method, target, headers, body }) {
  const fields = { host: 'api.test', ...(body && { 'content-length': body.length }), ...headers };
  const head = `${method} ${target} HTTP/1.1\r\n${Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
  return [head, body?.toString('latin1') ?? ''];
}

async function drip(client, text) {
  const size = Math.ceil(text.length / PIECES);
  for (let from = 0; from < text.length; from += size) {
    client.send(text.slice(from, from + size));
    await pause(BETWEEN_MS);
  }
}

const served = async (client) => (await client.answer()) ?? 'closed';
