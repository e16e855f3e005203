// Every answer of the banking APIs, through the gateway, is one that its OpenAPI document describes, and none is our fault.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { REDIRECT_URI, answer, register } from './support/person.mjs';
import { Sandbox } from './support/sandbox.mjs';
import { drive } from './support/schemathesis.mjs';

let sandbox;
let app;
before(async () => {
  sandbox = await Sandbox.start();
  app = await register(sandbox);
});
after(() => sandbox?.stop());

const token = async (fields) => {
  const headers = { authorization: `Basic ${btoa(`${app.id}:${app.secret}`)}` };
  const answered = await fetch(`${sandbox.portal}/token`, { method: 'POST', headers, body: new URLSearchParams(fields) });
  const tokens = await answered.json();
  assert.equal(answered.status, 200, JSON.stringify(tokens));
  return tokens.access_token;
};

/** A token of a customer who saw everything that there is and agreed. */
async function customers() {
  const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
  const params = { response_type: 'code', client_id: app.id, redirect_uri: REDIRECT_URI, scope: 'accounts', state: 's', code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' };
  const back = await answer(sandbox, `/authorize?${new URLSearchParams(params)}`);
  return token({ grant_type: 'authorization_code', code: back.searchParams.get('code'), redirect_uri: REDIRECT_URI, code_verifier: verifier });
}

for (const [scope, api] of [['accounts', 'aisp'], ['payments', 'pisp'], ['fundsconfirmations', 'cbpii']]) {
  test(`${scope}: the application's own token`, async () => {
    const own = await token({ grant_type: 'client_credentials', scope });
    await drive({ document: `${sandbox.portal}/apis/${scope}/openapi.yaml`, url: `${sandbox.gateway}/open-banking/v4.0/${api}`, headers: { authorization: `Bearer ${own}` }, examples: 10 });
  });
}

test('accounts: a customer’s token', async () => {
  await drive({ document: `${sandbox.portal}/apis/accounts/openapi.yaml`, url: `${sandbox.gateway}/open-banking/v4.0/aisp`, headers: { authorization: `Bearer ${await customers()}` }, examples: 10 });
});
