// A third party's developer builds against the sandbox in Python.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { REDIRECT_URI, answer, register } from './support/person.mjs';
import { python } from './support/python.mjs';
import { Sandbox } from './support/sandbox.mjs';

let sandbox;
before(async () => {
  sandbox = await Sandbox.start();
});
after(() => sandbox?.stop());

test('authlib: code with PKCE, accounts, refresh, a token of its own', async () => {
  const app = await register(sandbox);
  const who = [sandbox.portal, app.id, app.secret, REDIRECT_URI];
  const { address, verifier, state } = await python('authlib_client.py', 'ask', ...who);
  const back = await answer(sandbox, address);
  const told = await python('authlib_client.py', 'use', ...who, verifier, state, back.href, `${sandbox.gateway}/open-banking/v4.0/aisp/accounts`);
  assert.deepEqual(told.statuses, [200, 200]);
  assert.equal(told.rotated, true);
  assert.ok(!told.own.includes('refresh_token') && told.own.includes('access_token'), `${told.own}`);
});
