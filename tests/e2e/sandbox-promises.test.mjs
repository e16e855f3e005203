// What the bank's documentation promises, item by item (the first, the portal itself, is the browser's walk).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { request } from './support/client.mjs';
import { answer, register, signUp } from './support/person.mjs';
import { Sandbox } from './support/sandbox.mjs';
import { INITIATION, granted, ownToken, question, redeem, tokensOf } from './support/third-party.mjs';

let sandbox;
let developer;
let app;
before(async () => {
  sandbox = await Sandbox.start();
  developer = await signUp(sandbox);
  app = await register(sandbox, {}, { developer });
});
after(() => sandbox?.stop());

/** Calls an API through the gateway: `{ status, body, headers }`. */
async function call(path, { token, method = 'GET', body, headers = {} } = {}) {
  const sent = { ...(token && { authorization: `Bearer ${token}` }), ...(body && { 'content-type': 'application/json' }), ...headers };
  const answered = await fetch(`${sandbox.gateway}/open-banking/v4.0${path}`, { method, headers: sent, body: body && JSON.stringify(body) });
  const text = await answered.text();
  return { status: answered.status, headers: answered.headers, body: text ? JSON.parse(text) : undefined };
}

const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

test('2. Authorization server: one token covers several APIs, and there is no refresh token without a customer', async () => {
  const both = await tokensOf(sandbox, app, { grant_type: 'client_credentials', scope: 'accounts payments' });
  assert.equal(both.scope, 'accounts payments');
  assert.deepEqual(claims(both.access_token).aud, ['aisp', 'pisp'].map((api) => `${sandbox.gateway}/open-banking/v4.0/${api}`));
  assert.equal(both.refresh_token, undefined);
  const body = { Data: { Permissions: ['ReadBalances'] }, Risk: {} };
  assert.equal((await call('/aisp/account-access-consents', { token: both.access_token, method: 'POST', body })).status, 201);
});

test('3. Login and consent: the customer picks accounts, and sees who is paid how much', async () => {
  const back = await answer(sandbox, question(app, 'accounts'), { fields: { account: ['acc-1002'] } });
  assert.equal(back.searchParams.get('state'), 's t&ate');
  assert.equal(back.searchParams.get('iss'), sandbox.portal);
  const { access_token: token } = await redeem(sandbox, app, back);
  const { body } = await call('/aisp/accounts', { token });
  assert.deepEqual(body.Data.Account.map(({ AccountId }) => AccountId), ['acc-1002']);
  const refused = await answer(sandbox, question(app, 'accounts'), { decision: 'refuse' });
  assert.equal(refused.searchParams.get('error'), 'access_denied');
});

test('4. Token in the header, never in the URI', async () => {
  const { access_token: token } = await granted(sandbox, app, 'accounts');
  assert.equal((await call('/aisp/accounts', { token })).status, 200);
  const inQuery = await call(`/aisp/accounts?access_token=${token}`);
  assert.equal(inQuery.status, 400);
  assert.equal((await call('/aisp/accounts')).status, 401);
});

test('5. Scope enforced: Account Information as often as one likes, and not Payment Initiation', async () => {
  const { access_token: token } = await granted(sandbox, app, 'accounts');
  for (let time = 0; time < 5; time += 1) assert.equal((await call('/aisp/accounts', { token })).status, 200);
  const refused = await call('/pisp/domestic-payments', { token, method: 'POST', body: {} });
  assert.equal(refused.status, 403);
  assert.match(refused.headers.get('www-authenticate'), /error="insufficient_scope".*scope="payments"/);
  const own = await tokensOf(sandbox, app, { grant_type: 'client_credentials', scope: 'accounts' });
  assert.equal((await call('/aisp/accounts', { token: own.access_token })).status, 403, 'an application is no customer');
});

test('6. Lifetimes and refresh: a short token expires, refreshes, and a failed refresh needs the customer again', async () => {
  const hasty = await register(sandbox, { lifetime: 'short' }, { developer });
  const tokens = await granted(sandbox, hasty, 'accounts');
  assert.ok(tokens.expires_in <= 10);
  assert.equal((await call('/aisp/accounts', { token: tokens.access_token })).status, 200);
  await new Promise((resolve) => setTimeout(resolve, tokens.expires_in * 1000 + 500));
  const expired = await call('/aisp/accounts', { token: tokens.access_token });
  assert.equal(expired.status, 401);
  assert.match(expired.headers.get('www-authenticate'), /expired/);
  const fresh = await tokensOf(sandbox, hasty, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token });
  assert.notEqual(fresh.refresh_token, tokens.refresh_token);
  assert.equal((await call('/aisp/accounts', { token: fresh.access_token })).status, 200);
  const failed = await tokensOf(sandbox, hasty, { grant_type: 'refresh_token', refresh_token: 'rt_nothing' }, 400);
  assert.equal(failed.error, 'invalid_grant');
  const own = await tokensOf(sandbox, hasty, { grant_type: 'client_credentials', scope: 'accounts' });
  assert.equal(own.refresh_token, undefined);
});

test('7. Banking APIs: accounts, balances, transactions in pages', async () => {
  const { access_token: token } = await granted(sandbox, app, 'accounts');
  const first = await call('/aisp/accounts/acc-1001/transactions', { token });
  assert.equal(first.status, 200);
  assert.ok(first.body.Meta.TotalPages > 1, JSON.stringify(first.body.Meta));
  const path = new URL(first.body.Links.Next, sandbox.gateway);
  const second = await call(`${path.pathname.replace('/open-banking/v4.0', '')}${path.search}`, { token });
  const ids = (page) => page.body.Data.Transaction.map(({ TransactionId }) => TransactionId);
  assert.equal(ids(first).filter((id) => ids(second).includes(id)).length, 0);
  assert.equal((await call('/aisp/accounts/acc-1001/balances', { token })).body.Data.Balance[0].Amount.Currency, 'EUR');
  const slow = await call('/aisp/accounts', { token, headers: { 'x-sandbox-switch': 'unavailable' } });
  assert.equal(slow.status, 503);
});

test('7. Banking APIs: a payment from its consent to settlement, once for its key', async () => {
  const own = (await tokensOf(sandbox, app, { grant_type: 'client_credentials', scope: 'payments' })).access_token;
  const key = { 'x-idempotency-key': crypto.randomUUID() };
  const body = { Data: { Initiation: INITIATION }, Risk: {} };
  const consent = await call('/pisp/domestic-payment-consents', { token: own, method: 'POST', body, headers: key });
  assert.equal(consent.status, 201, JSON.stringify(consent.body));
  const again = await call('/pisp/domestic-payment-consents', { token: own, method: 'POST', body, headers: key });
  assert.equal(again.body.Data.ConsentId, consent.body.Data.ConsentId);
  const id = consent.body.Data.ConsentId;
  const details = JSON.stringify([{ type: 'payment', consent_id: id }]);
  const back = await answer(sandbox, question(app, 'payments', { authorization_details: details }), { fields: { payer: 'acc-1003' } });
  assert.match(back.asked, /£12\.50/);
  assert.match(back.asked, /Ada Books/);
  const tokens = await redeem(sandbox, app, back);
  assert.equal(claims(tokens.access_token).acr, 'urn:scopegate:acr:otp');
  const submit = { Data: { ConsentId: id, Initiation: INITIATION }, Risk: {} };
  const paid = await call('/pisp/domestic-payments', { token: tokens.access_token, method: 'POST', body: submit, headers: { 'x-idempotency-key': crypto.randomUUID() } });
  assert.equal(paid.status, 201, JSON.stringify(paid.body));
  const status = async () => (await call(`/pisp/domestic-payments/${paid.body.Data.DomesticPaymentId}`, { token: own })).body.Data.Status;
  let now = await status();
  for (let looks = 0; looks < 100 && now !== 'ACSC'; looks += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    now = await status();
  }
  assert.equal(now, 'ACSC');
  const twice = await call('/pisp/domestic-payments', { token: tokens.access_token, method: 'POST', body: submit, headers: { 'x-idempotency-key': crypto.randomUUID() } });
  assert.equal(twice.status, 400, 'a consent pays once');
});

test('7. Banking APIs: a call that was refused leaves the next one alone', async () => {
  const token = await ownToken(sandbox, app, 'accounts');
  const { port } = new URL(sandbox.gateway);
  const post = (headers, body) => request({ port, method: 'POST', path: '/open-banking/v4.0/aisp/account-access-consents', token, headers: { 'content-type': 'application/json', ...headers }, body });
  for (let turn = 0; turn < 200; turn += 1) {
    // In pieces, so that the bank could answer before it has read the body.
    assert.equal((await post({ 'x-sandbox-switch': 'error' }, ['{"Data":', '{}}'])).status, 500);
    assert.equal((await post({}, '{}')).status, 400, `turn ${turn}`);
  }
});

test('7. Banking APIs: confirmation of funds', async () => {
  const own = (await tokensOf(sandbox, app, { grant_type: 'client_credentials', scope: 'fundsconfirmations' })).access_token;
  const debtor = { SchemeName: 'UK.OBIE.SortCodeAccountNumber', Identification: '60161331926819', Name: 'Deniz Arslan' };
  const consent = await call('/cbpii/funds-confirmation-consents', { token: own, method: 'POST', body: { Data: { DebtorAccount: debtor } } });
  assert.equal(consent.status, 201, JSON.stringify(consent.body));
  const { access_token: token } = await granted(sandbox, app, 'fundsconfirmations', { more: { consent_id: consent.body.Data.ConsentId } });
  const ask = (amount) => call('/cbpii/funds-confirmations', { token, method: 'POST', body: { Data: { ConsentId: consent.body.Data.ConsentId, Reference: 'Order 1', InstructedAmount: { Amount: amount, Currency: 'GBP' } } } });
  assert.equal((await ask('1.00')).body.Data.FundsAvailable, true);
  assert.equal((await ask('1000000.00')).body.Data.FundsAvailable, false);
});
