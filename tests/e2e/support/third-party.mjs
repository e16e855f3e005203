// What a third party's application sends, reduced to what tests vary: its questions to customers and to the token endpoint.

import assert from 'node:assert/strict';

import { REDIRECT_URI, answer } from './person.mjs';

/** RFC 7636, appendix B. */
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';

/** A payment that every demo customer with pounds can make. */
export const INITIATION = {
  InstructionIdentification: 'ACME412', EndToEndIdentification: 'FRESCO.21302.GFX.20',
  InstructedAmount: { Amount: '12.50', Currency: 'GBP' },
  CreditorAccount: { SchemeName: 'UK.OBIE.SortCodeAccountNumber', Identification: '08080021325698', Name: 'Ada Books' },
};

/** Where it sends a customer. */
export const question = (app, scope, more = {}) =>
  `/authorize?${new URLSearchParams({ response_type: 'code', client_id: app.id, redirect_uri: REDIRECT_URI, scope, state: 's t&ate', code_challenge: CHALLENGE, code_challenge_method: 'S256', ...more })}`;

/** The token endpoint's answer to a form, as it came. */
export const askForTokens = (sandbox, app, fields) => post(sandbox, app, '/token', fields);

/** The answer when an application gives a token back. */
export const revoke = (sandbox, app, token) => post(sandbox, app, '/revoke', { token });

/** The form that trades a code. */
export const codeForm = (code) => ({ grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: VERIFIER });

/** The JSON of an answer that has to have this status. */
export async function tokensOf(sandbox, app, fields, status = 200) {
  const answered = await askForTokens(sandbox, app, fields);
  const tokens = await answered.json();
  assert.equal(answered.status, status, JSON.stringify(tokens));
  return tokens;
}

/** An access token of its own. */
export const ownToken = async (sandbox, app, scope) => (await tokensOf(sandbox, app, { grant_type: 'client_credentials', scope })).access_token;

/** The tokens for the code in the address that a customer came back to. */
export const redeem = (sandbox, app, back) => tokensOf(sandbox, app, codeForm(back.searchParams.get('code')));

/** The tokens of a customer who agreed; `more` goes into the question, the rest is how they answer. */
export const granted = async (sandbox, app, scope, { more, ...options } = {}) => redeem(sandbox, app, await answer(sandbox, question(app, scope, more), options));

const post = (sandbox, app, endpoint, fields) =>
  fetch(`${sandbox.portal}${endpoint}`, { method: 'POST', headers: { authorization: `Basic ${btoa(`${app.id}:${app.secret}`)}` }, body: new URLSearchParams(fields) });
