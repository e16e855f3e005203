// `--tls`: everything over certificates made at the start, and tokens bound to a client's.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { fetchWith } from './support/fetch.mjs';
import { register } from './support/person.mjs';
import { Sandbox } from './support/sandbox.mjs';

let sandbox;
let anybody;
let holder;
before(async () => {
  sandbox = await Sandbox.start({ tls: true });
  const [ca, pem] = await Promise.all([readFile(sandbox.authority), readFile(sandbox.certificate)]);
  anybody = fetchWith({ ca });
  holder = fetchWith({ ca, cert: pem, key: pem });
});
after(() => sandbox?.stop());

test('portal, token endpoint and gateway speak TLS, and only those who trust the authority are answered', async () => {
  assert.match(sandbox.portal, /^https:/);
  await assert.rejects(fetch(sandbox.portal));
  const metadata = await (await anybody(`${sandbox.portal}/.well-known/oauth-authorization-server`)).json();
  assert.equal(metadata.issuer, sandbox.portal);
  assert.equal((await anybody(`${sandbox.gateway}/open-banking/v4.0/aisp/accounts`)).status, 401);
});

for (const format of ['jwt', 'opaque']) {
  test(`a token bound to a certificate opens over that certificate only (${format})`, async () => {
    const app = await register(sandbox, { sender: 'certificate', token_format: format }, { fetcher: anybody });
    const ask = (fetcher) => fetcher(`${sandbox.portal}/token`, { method: 'POST', headers: { authorization: `Basic ${btoa(`${app.id}:${app.secret}`)}`, 'content-type': 'application/x-www-form-urlencoded' }, body: 'grant_type=client_credentials&scope=accounts' });
    assert.equal((await ask(anybody)).status, 400, 'without a certificate there is nothing to bind to');
    const { access_token: token } = await (await ask(holder)).json();
    const create = (fetcher) => fetcher(`${sandbox.gateway}/open-banking/v4.0/aisp/account-access-consents`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ Data: { Permissions: ['ReadBalances'] }, Risk: {} }) });
    const created = await create(holder);
    assert.equal(created.status, 201, await created.text());
    assert.equal((await create(anybody)).status, 401);
  });
}
