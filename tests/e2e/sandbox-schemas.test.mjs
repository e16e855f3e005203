// Every answer of the banking APIs, through the gateway, is one that its OpenAPI document describes, and none is our fault.

import { after, before, test } from 'node:test';

import { register } from './support/person.mjs';
import { Sandbox } from './support/sandbox.mjs';
import { drive } from './support/schemathesis.mjs';
import { granted, ownToken } from './support/third-party.mjs';

let sandbox;
let app;
before(async () => {
  sandbox = await Sandbox.start();
  app = await register(sandbox);
});
after(() => sandbox?.stop());

for (const [scope, api] of [['accounts', 'aisp'], ['payments', 'pisp'], ['fundsconfirmations', 'cbpii']]) {
  test(`${scope}: the application's own token`, async () => {
    const own = await ownToken(sandbox, app, scope);
    await drive({ document: `${sandbox.portal}/apis/${scope}/openapi.yaml`, url: `${sandbox.gateway}/open-banking/v4.0/${api}`, headers: { authorization: `Bearer ${own}` }, examples: 10 });
  });
}

test('accounts: a customer’s token', async () => {
  // Of a customer who saw everything that there is and agreed.
  const { access_token: token } = await granted(sandbox, app, 'accounts');
  await drive({ document: `${sandbox.portal}/apis/accounts/openapi.yaml`, url: `${sandbox.gateway}/open-banking/v4.0/aisp`, headers: { authorization: `Bearer ${token}` }, examples: 10 });
});
