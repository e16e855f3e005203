// Requests that must be let through: whatever else goes on, each is answered with what its own upstream says of it, and
// what the upstream saw of the client is what stands in the token that was sent.

import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

import { mint } from '../support/stage.mjs';
import { LONGEST, bodyOf, markOf } from './body.mjs';

const SCOPE = 'accounts payments';
const REQUESTS_PER_TOKEN = 40;
const REQUESTS_PER_CONNECTION = 150;
const ECHOED = 64 * 1024;
/** How long bodies are, by their share of a hundred. */
const LENGTHS = [[10, 0], [50, 100], [25, 4 * 1024], [13, 64 * 1024], [2, LONGEST]];
/** Told where nothing was sent to an upstream. */
const UNTOUCHED = /is not available|cannot be reached/;

let customers = 0;

/** A customer's token, with what the upstream must be told of it. */
export class Holder {
  constructor() {
    customers += 1;
    Object.assign(this, { subject: `customer-${customers}`, tokenId: randomUUID(), clientId: `tpp-${customers % 7}` });
    this.token = mint(SCOPE, { sub: this.subject, jti: this.tokenId, client_id: this.clientId });
  }
}

/** A request that is meant: everything that it takes to send it and to judge its answer. */
export function meant(soak, holder, { method, length }) {
  const id = soak.tally.next();
  const target = method === 'POST' ? '/payments' : `/accounts/${id}?bytes=${length}`;
  const { subject, tokenId, token } = holder;
  const mark = markOf(soak.secret, { id, length, method, target, subject, tokenId });
  soak.tally.fate(id, method === 'POST' ? 'posted' : 'sent');
  // A field of its own must not reach the upstream, and cannot speak for us.
  const headers = { authorization: `Bearer ${token}`, 'x-mark': mark, 'x-auth-forged': 'forged' };
  return { id, method, target, length, headers, holder, body: method === 'POST' ? bodyOf(id, length) : undefined };
}

/** One client after another in this manner until the soak is over. */
export async function drive(soak, client, restMs) {
  let holder = new Holder();
  for (let turn = 1; !soak.isOver; turn += 1) {
    if (turn % REQUESTS_PER_TOKEN === 0) holder = new Holder();
    if (turn % REQUESTS_PER_CONNECTION === 0) client.leave();
    await once(soak, client, holder, turn);
    await pause(restMs * (0.5 + Math.random()));
  }
  client.leave();
}

async function once(soak, client, holder, turn) {
  const { tally } = soak;
  const request = { ...meant(soak, holder, { method: turn % 2 ? 'GET' : 'POST', length: someLength() }), isChunked: turn % 4 === 0 };
  // Some bring a correlation id of their own, which must come back.
  if (turn % 3 === 0) request.headers['x-fapi-interaction-id'] = randomUUID();
  const kind = `good ${request.method}, ${client.name}`;
  const begun = performance.now();
  try {
    const answer = await client.ask(request);
    const isRestless = soak.wasRestless(begun);
    const outcome = judge(soak, request, answer, isRestless);
    if (outcome.wrong) return tally.wrong(kind, `${outcome.wrong} (id ${request.id}, ${whole(answer)})`);
    tally.count(kind, outcome.right);
    if (answer.status < 300) tally.time(performance.now() - begun);
  } catch (error) {
    cut(soak, kind, request, error, begun);
  }
}

/** No whole answer came. */
function cut(soak, kind, request, error, begun) {
  const { tally } = soak;
  // Once it is told to end, the gateway takes what it has taken, and nothing behind it.
  if (soak.mayBeLeft(begun) && !error.hasBegun) {
    tally.fate(request.id, 'untouched');
    return tally.count(kind, 'not taken');
  }
  // The server was killed in the middle of its answer: what the client has must not look whole, and does not.
  if (error.hasBegun && soak.wasRestless(begun)) {
    tally.forgiven += 1;
    return tally.count(kind, 'cut short');
  }
  tally.wrong(kind, `${error.code ?? ''} ${error.message}, ${error.hasBegun ? 'within' : 'before'} the answer (id ${request.id})`);
}

/** `{ right }`, the outcome, or `{ wrong }`, why it is none. */
function judge(soak, request, answer, isRestless) {
  const { id, method, length, holder, headers } = request;
  const { status } = answer;
  const interaction = answer.headers['x-fapi-interaction-id'];
  const given = headers['x-fapi-interaction-id'];
  if (given ? interaction !== given : !soak.tally.isNew(interaction)) return { wrong: `correlation id ${interaction}, not ${given ?? 'a new one'}` };
  if (status >= 502 && status <= 504) {
    soak.tally.forgiven += 1;
    if (!isRestless) return { wrong: `${status} while both servers were well: ${answer.body}` };
    // A GET may have been sent before, and this is what became of its second time.
    if (method === 'POST' && UNTOUCHED.test(answer.body)) soak.tally.fate(id, 'untouched');
    return { right: status };
  }
  if (status !== (method === 'POST' ? 201 : 200)) return { wrong: `answered ${status}` };
  soak.tally.fate(id, method === 'POST' ? 'paid' : 'answered');
  const seen = ['subject', 'token-id', 'client-id', 'scope', 'id'].map((name) => answer.headers[`x-seen-${name}`]);
  const sent = [holder.subject, holder.tokenId, holder.clientId, SCOPE, interaction];
  if (seen.join() !== sent.join()) return { wrong: `the upstream saw ${seen}, sent was ${sent}` };
  const expected = method === 'POST' && length > ECHOED ? Buffer.from(`${length}`) : bodyOf(id, length);
  return answer.body.equals(expected) ? { right: status } : { wrong: 'another body' };
}

function someLength() {
  let left = Math.random() * 100;
  return LENGTHS.find(([share]) => (left -= share) < 0)[1];
}

function whole({ status, headers, body }) {
  const digest = createHash('sha256').update(body).digest('hex').slice(0, 12);
  return `${status}, ${body.length} octets ${digest}, ${JSON.stringify(headers).slice(0, 600)}`;
}
