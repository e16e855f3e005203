// A third party's developer builds against the sandbox with libraries that nobody here wrote.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';

import { REDIRECT_URI, answer, register } from './support/person.mjs';
import { Sandbox } from './support/sandbox.mjs';

let sandbox;
let app;
let server;
const INSECURE = { [oauth.allowInsecureRequests]: true };

before(async () => {
  sandbox = await Sandbox.start();
  app = await register(sandbox);
  const issuer = new URL(sandbox.portal);
  server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...INSECURE, algorithm: 'oauth2' }));
});
after(() => sandbox?.stop());

const accounts = (token, path = '/accounts', init = {}) =>
  fetch(`${sandbox.gateway}/open-banking/v4.0/aisp${path}`, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } });

/** An authorization request and what is needed to finish it. */
async function question(clientId, { scope = 'accounts', redirect = REDIRECT_URI, more = {} } = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const address = new URL(server.authorization_endpoint);
  const challenge = await oauth.calculatePKCECodeChallenge(verifier);
  for (const [name, value] of Object.entries({ response_type: 'code', client_id: clientId, redirect_uri: redirect, scope, state, code_challenge: challenge, code_challenge_method: 'S256', ...more })) address.searchParams.set(name, value);
  return { address, verifier, state, redirect };
}

async function redeem(asked, back, who = { id: app.id, auth: oauth.ClientSecretBasic(app.secret) }, options = {}) {
  const params = oauth.validateAuthResponse(server, { client_id: who.id }, back, asked.state);
  const response = await oauth.authorizationCodeGrantRequest(server, { client_id: who.id }, who.auth, params, asked.redirect, asked.verifier, { ...INSECURE, ...options });
  return oauth.processAuthorizationCodeResponse(server, { client_id: who.id }, response);
}

/** Tokens of a customer who agreed. */
async function granted(options) {
  const asked = await question(app.id, options);
  return redeem(asked, await answer(sandbox, asked.address));
}

const form = (path, fields, secret = app.secret) =>
  fetch(sandbox.portal + path, { method: 'POST', headers: { authorization: `Basic ${btoa(`${app.id}:${secret}`)}` }, body: new URLSearchParams(fields) });

for (const [name, authentication] of [['client_secret_basic', (secret) => oauth.ClientSecretBasic(secret)], ['client_secret_post', (secret) => oauth.ClientSecretPost(secret)]]) {
  test(`oauth4webapi: code, token, accounts, refresh, with ${name}`, async () => {
    const asked = await question(app.id);
    const tokens = await redeem(asked, await answer(sandbox, asked.address), { id: app.id, auth: authentication(app.secret) });
    assert.equal(tokens.token_type, 'bearer');
    const answered = await accounts(tokens.access_token);
    assert.equal(answered.status, 200);
    assert.ok((await answered.json()).Data.Account.length > 0);
    const response = await oauth.refreshTokenGrantRequest(server, { client_id: app.id }, authentication(app.secret), tokens.refresh_token, INSECURE);
    const fresh = await oauth.processRefreshTokenResponse(server, { client_id: app.id }, response);
    assert.notEqual(fresh.refresh_token, tokens.refresh_token);
    assert.equal((await accounts(fresh.access_token)).status, 200);
  });
}

test('openid-client: discovery, code with PKCE, a protected resource, client credentials without a refresh token', async () => {
  const config = await client.discovery(new URL(sandbox.portal), app.id, undefined, client.ClientSecretPost(app.secret), { algorithm: 'oauth2', execute: [client.allowInsecureRequests] });
  const verifier = client.randomPKCECodeVerifier();
  const state = client.randomState();
  const address = client.buildAuthorizationUrl(config, { redirect_uri: REDIRECT_URI, scope: 'accounts', state, code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
  const back = await answer(sandbox, address);
  const tokens = await client.authorizationCodeGrant(config, new URL(back.href), { pkceCodeVerifier: verifier, expectedState: state });
  const answered = await client.fetchProtectedResource(config, tokens.access_token, new URL(`${sandbox.gateway}/open-banking/v4.0/aisp/balances`), 'GET');
  assert.equal(answered.status, 200);
  const own = await client.clientCredentialsGrant(config, { scope: 'payments' });
  assert.equal(own.refresh_token, undefined);
  assert.equal(own.scope, 'payments');
});

test('a public application on the customer’s device: loopback with a port of its own, PKCE instead of a secret', async () => {
  const mobile = await register(sandbox, { kind: 'mobile', redirect_uris: 'http://127.0.0.1/cb' });
  assert.equal(mobile.secret, undefined);
  const asked = await question(mobile.id, { redirect: 'http://127.0.0.1:49152/cb' });
  const tokens = await redeem(asked, await answer(sandbox, asked.address), { id: mobile.id, auth: oauth.None() });
  assert.equal((await accounts(tokens.access_token)).status, 200);
  const alone = await fetch(`${sandbox.portal}/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials', client_id: mobile.id }) });
  assert.deepEqual([alone.status, (await alone.json()).error], [400, 'unauthorized_client']);
});

test('a refused consent sends back access_denied with state and iss', async () => {
  const asked = await question(app.id);
  const back = await answer(sandbox, asked.address, { decision: 'refuse' });
  assert.throws(() => oauth.validateAuthResponse(server, { client_id: app.id }, back, asked.state), ({ error }) => error === 'access_denied');
  assert.equal(back.searchParams.get('iss'), sandbox.portal);
});

test('a code works once, and with its verifier and redirect URI only', async () => {
  const asked = await question(app.id);
  const back = await answer(sandbox, asked.address);
  await assert.rejects(redeem({ ...asked, verifier: oauth.generateRandomCodeVerifier() }, back), ({ error }) => error === 'invalid_grant');
  await assert.rejects(redeem({ ...asked, redirect: `${REDIRECT_URI}/other` }, back), ({ error }) => error === 'invalid_grant');
  const tokens = await redeem(asked, back);
  assert.equal((await accounts(tokens.access_token)).status, 200);
  await assert.rejects(redeem(asked, back), ({ error }) => error === 'invalid_grant');
  assert.equal((await accounts(tokens.access_token)).status, 401, 'a code that was used twice takes its tokens with it');
});

test('a refresh token that returns ends the whole family, and the gateway knows on the next request', async () => {
  const tokens = await granted();
  const first = await form('/token', { grant_type: 'refresh_token', refresh_token: tokens.refresh_token });
  const fresh = await first.json();
  assert.equal((await accounts(fresh.access_token)).status, 200);
  const again = await form('/token', { grant_type: 'refresh_token', refresh_token: tokens.refresh_token });
  assert.deepEqual([again.status, (await again.json()).error], [400, 'invalid_grant']);
  assert.equal((await accounts(fresh.access_token)).status, 401);
  const last = await form('/token', { grant_type: 'refresh_token', refresh_token: fresh.refresh_token });
  assert.equal(last.status, 400);
});

test('revocation by the application is felt at the gateway on the next request', async () => {
  const tokens = await granted();
  assert.equal((await accounts(tokens.access_token)).status, 200);
  const response = await oauth.revocationRequest(server, { client_id: app.id }, oauth.ClientSecretBasic(app.secret), tokens.refresh_token, INSECURE);
  await oauth.processRevocationResponse(response);
  const refused = await accounts(tokens.access_token);
  assert.equal(refused.status, 401);
  assert.match(refused.headers.get('www-authenticate'), /revoked/);
});

test('introspection is the bank’s own business', async () => {
  const tokens = await granted();
  const asked = await form('/introspect', { token: tokens.access_token });
  assert.equal(asked.status, 401);
  assert.equal((await asked.text()).includes('active":true'), false);
});

test('a pushed request (RFC 9126) carries the question, once', async () => {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const params = new URLSearchParams({ response_type: 'code', client_id: app.id, redirect_uri: REDIRECT_URI, scope: 'accounts', state, code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
  const response = await oauth.pushedAuthorizationRequest(server, { client_id: app.id }, oauth.ClientSecretBasic(app.secret), params, INSECURE);
  const { request_uri: requestUri } = await oauth.processPushedAuthorizationResponse(server, { client_id: app.id }, response);
  const address = `${server.authorization_endpoint}?${new URLSearchParams({ client_id: app.id, request_uri: requestUri })}`;
  const tokens = await redeem({ verifier, state, redirect: REDIRECT_URI }, await answer(sandbox, address));
  assert.equal((await accounts(tokens.access_token)).status, 200);
  const again = await fetch(address, { redirect: 'manual' });
  assert.equal(again.status, 400);
});

test('DPoP: a token that is bound to a key opens with a proof of it, and not without', async () => {
  const key = await oauth.generateKeyPair('ES256');
  const proof = oauth.DPoP({ client_id: app.id }, key);
  const asked = await question(app.id);
  const tokens = await redeem(asked, await answer(sandbox, asked.address), undefined, { DPoP: proof });
  assert.equal(tokens.token_type, 'dpop');
  const url = new URL(`${sandbox.gateway}/open-banking/v4.0/aisp/accounts`);
  const answered = await oauth.protectedResourceRequest(tokens.access_token, 'GET', url, new Headers(), null, { ...INSECURE, DPoP: proof });
  assert.equal(answered.status, 200);
  assert.equal((await accounts(tokens.access_token)).status, 401);
});

test('a scope beyond the registered APIs, the implicit and the password grant are refused', async () => {
  const reader = await register(sandbox, { api: ['accounts'] });
  const asked = await fetch(`${sandbox.portal}/token`, { method: 'POST', headers: { authorization: `Basic ${btoa(`${reader.id}:${reader.secret}`)}` }, body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'payments' }) });
  assert.deepEqual([asked.status, (await asked.json()).error], [400, 'invalid_scope']);
  const password = await form('/token', { grant_type: 'password', username: 'deniz', password: 'blue-kettle-42' });
  assert.deepEqual([password.status, (await password.json()).error], [400, 'unsupported_grant_type']);
  const { address } = await question(app.id, { more: { response_type: 'token' } });
  const implicit = await fetch(address, { redirect: 'manual' });
  assert.equal(new URL(implicit.headers.get('location')).searchParams.get('error'), 'unsupported_response_type');
});
