// Requests that must be refused, each with exactly its status and its code, in every manner of asking. None carries a mark:
// an upstream that reads one of them notes it.

import { setTimeout as pause } from 'node:timers/promises';

import { Jws, Key } from '../support/corpus/draft.mjs';
import { mint } from '../support/stage.mjs';
import { LONGEST } from './body.mjs';

const GET = { method: 'GET', target: '/accounts/refused?bytes=10' };
const bearer = (token) => ({ authorization: `Bearer ${token}` });
const stranger = new Key('EdDSA', 'first');

/** `[name, request, status, code, what it is told]`. */
const KINDS = [
  ['no token', () => GET, 401, undefined, /^An access token is needed/],
  ['expired', () => ({ ...GET, headers: bearer(mint('accounts', aged())) }), 401, 'invalid_token', /expired$/],
  ['early', () => ({ ...GET, headers: bearer(mint('accounts', { nbf: seconds() + 600 })) }), 401, 'invalid_token', /not valid yet$/],
  ['wrong signature', () => ({ ...GET, headers: bearer(forged()) }), 401, 'invalid_token', /cannot be verified$/],
  ['wrong audience', () => ({ ...GET, headers: bearer(mint('accounts', { aud: 'https://other.example' })) }), 401, 'invalid_token', /another resource$/],
  ['no JWT', () => ({ ...GET, headers: bearer('nothing.at.all') }), 401, 'invalid_token', /malformed$/],
  ['wrong scope', () => ({ ...GET, headers: bearer(mint('payments')) }), 403, 'insufficient_scope', /does not cover/],
  ['wrong scope with a body', () => ({ ...paying(mint('accounts')), body: Buffer.alloc(2000, 'x') }), 403, 'insufficient_scope', /does not cover/],
  ['unknown route', () => ({ method: 'GET', target: '/nothing', headers: bearer(mint('accounts')) }), 404, undefined, /no such resource/],
  ['unknown method', () => ({ method: 'DELETE', target: '/payments', headers: bearer(mint('payments')) }), 405, undefined, /not have this method/],
  ['token in the query', () => ({ method: 'GET', target: `/accounts/refused?access_token=${mint('accounts')}` }), 400, 'invalid_request', /query string/],
  ['ambiguous path', () => ({ method: 'GET', target: '/accounts/../payments', headers: bearer(mint('accounts')) }), 400, undefined, /spelling/],
  ['body too large', () => ({ ...paying(mint('payments')), length: LONGEST + 1, withholds: true }), 413, undefined, /larger than/],
];

const seconds = () => Math.floor(Date.now() / 1000);
const aged = () => ({ iat: seconds() - 7200, exp: seconds() - 3600 });
const paying = (token) => ({ method: 'POST', target: '/payments', headers: bearer(token) });

/** The claims of a good token, signed by another key of the same name. */
function forged() {
  const [header, claims] = mint('accounts').split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
  return new Jws(stranger, header, claims).mint();
}

/** One refusal after another until the soak is over. */
export async function drive(soak, client, restMs) {
  for (let turn = 0; !soak.isOver; turn += 1) {
    const [name, request, status, code, told] = KINDS[turn % KINDS.length];
    const begun = performance.now();
    try {
      const answer = await client.ask(request());
      const found = /error="([^"]*)"/.exec(answer.headers['www-authenticate'] ?? '')?.[1];
      const detail = JSON.parse(answer.body).detail;
      if (answer.status === status && found === code && told.test(detail)) soak.tally.count(`refused: ${name}`, status);
      else soak.tally.wrong(`refused: ${name}`, `${answer.status} ${found} ${detail}, over ${client.name}`);
    } catch (error) {
      if (soak.mayBeLeft(begun) && !error.hasBegun) soak.tally.count(`refused: ${name}`, 'not taken');
      else soak.tally.wrong(`refused: ${name}`, `${error.code ?? ''} ${error.message}, over ${client.name}`);
    }
    await pause(restMs * (0.5 + Math.random()));
  }
  client.leave();
}
