// kill -9 in the middle of everything: what was acknowledged is there afterwards, and nothing works twice.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import { REDIRECT_URI, answer, register, signUp } from './support/person.mjs';
import { PostgreSql } from './support/postgresql.mjs';
import { Sandbox } from './support/sandbox.mjs';

const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM';
const INITIATION = {
  InstructionIdentification: 'ACME412', EndToEndIdentification: 'FRESCO.21302.GFX.20',
  InstructedAmount: { Amount: '12.50', Currency: 'GBP' },
  CreditorAccount: { SchemeName: 'UK.OBIE.SortCodeAccountNumber', Identification: '08080021325698', Name: 'Ada Books' },
};

const freePort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

/** Everything that one third party does with one customer, as far as it comes. What was acknowledged is in `kept`. */
async function live(sandbox, developer, kept) {
  const app = await register(sandbox, {}, { developer });
  kept.apps.push(app);
  const own = await token(sandbox, app, { grant_type: 'client_credentials', scope: 'payments' });
  const pisp = `${sandbox.gateway}/open-banking/v4.0/pisp`;
  const created = await json(`${pisp}/domestic-payment-consents`, own, { Data: { Initiation: INITIATION }, Risk: {} });
  const params = { response_type: 'code', client_id: app.id, redirect_uri: REDIRECT_URI, scope: 'accounts payments', state: 's', code_challenge: CHALLENGE, code_challenge_method: 'S256', consent_id: created.Data.ConsentId };
  const back = await answer(sandbox, `/authorize?${new URLSearchParams(params)}`, { fields: { scope: ['accounts', 'payments'], payer: 'acc-1003' } });
  const code = back.searchParams.get('code');
  kept.codes.push({ app, code });
  const tokens = await tokensOf(sandbox, app, { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: VERIFIER });
  kept.used.push({ app, code });
  kept.access.push(tokens.access_token);
  const paid = await json(`${pisp}/domestic-payments`, tokens.access_token, { Data: { ConsentId: created.Data.ConsentId, Initiation: INITIATION }, Risk: {} });
  kept.payments.push({ app, id: paid.Data.DomesticPaymentId });
  const fresh = await tokensOf(sandbox, app, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token });
  kept.refreshed.push({ app, old: tokens.refresh_token });
  kept.access.push(fresh.access_token);
}

const basic = (app) => ({ authorization: `Basic ${btoa(`${app.id}:${app.secret}`)}` });
const asked = (sandbox, app, fields) => fetch(`${sandbox.portal}/token`, { method: 'POST', headers: basic(app), body: new URLSearchParams(fields) });

async function tokensOf(sandbox, app, fields) {
  const answered = await asked(sandbox, app, fields);
  const tokens = await answered.json();
  assert.equal(answered.status, 200, JSON.stringify(tokens));
  return tokens;
}

const token = async (...call) => (await tokensOf(...call)).access_token;

async function json(url, bearer, body) {
  const answered = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', 'x-idempotency-key': crypto.randomUUID() }, body: JSON.stringify(body) });
  const told = await answered.json();
  assert.equal(answered.status, 201, JSON.stringify(told));
  return told;
}

async function survives(where) {
  const [listen, portal] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const kept = { apps: [], codes: [], used: [], access: [], payments: [], refreshed: [] };
  let sandbox = await Sandbox.start({ ...where, listen, portal });
  try {
    const isOver = { yes: false };
    // Three third parties at a time, until nobody answers any more.
    const developers = [await signUp(sandbox), await signUp(sandbox), await signUp(sandbox)];
    const lives = developers.map(async (developer) => {
      for (let turn = 0; turn < 50 && !isOver.yes; turn += 1) {
        try {
          await live(sandbox, developer, kept);
        } catch (failure) {
          if (!isOver.yes) throw failure;
        }
      }
    });
    while (kept.payments.length < 5) await Promise.race([new Promise((resolve) => setTimeout(resolve, 20)), ...lives]);
    isOver.yes = true;
    await sandbox.kill();
    await Promise.all(lives);
    sandbox = await Sandbox.start({ ...where, listen, portal });

    for (const app of kept.apps) assert.ok(await token(sandbox, app, { grant_type: 'client_credentials', scope: 'payments' }));
    for (const access of kept.access) {
      const answered = await fetch(`${sandbox.gateway}/open-banking/v4.0/aisp/accounts`, { headers: { authorization: `Bearer ${access}` } });
      assert.equal(answered.status, 200, await answered.text());
    }
    for (const { app, id } of kept.payments) {
      const own = await token(sandbox, app, { grant_type: 'client_credentials', scope: 'payments' });
      const answered = await fetch(`${sandbox.gateway}/open-banking/v4.0/pisp/domestic-payments/${id}`, { headers: { authorization: `Bearer ${own}` } });
      assert.equal(answered.status, 200);
    }
    // Codes that were given out and not used are there; those that were used are over, and so are old refresh tokens.
    const wasUsed = ({ code }) => kept.used.some((used) => used.code === code);
    for (const { app, code } of kept.codes) {
      const first = await asked(sandbox, app, { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: VERIFIER });
      if (wasUsed({ code })) assert.equal(first.status, 400);
      const second = await asked(sandbox, app, { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: VERIFIER });
      assert.equal(second.status, 400);
    }
    for (const { app, old } of kept.refreshed) assert.equal((await asked(sandbox, app, { grant_type: 'refresh_token', refresh_token: old })).status, 400);
    return kept;
  } finally {
    await sandbox.stop();
  }
}

test('SQLite: kill -9 under load loses nothing that was acknowledged', async () => {
  const data = await mkdtemp(path.join(os.tmpdir(), 'scopegate-data-'));
  try {
    const kept = await survives({ data });
    assert.ok(kept.payments.length >= 5 && kept.refreshed.length >= 1, JSON.stringify(Object.entries(kept).map(([name, list]) => [name, list.length])));
  } finally {
    await rm(data, { recursive: true, force: true });
  }
});

test('PostgreSQL: likewise', async () => {
  const postgresql = await PostgreSql.start();
  try {
    await survives({ database: await postgresql.create('kill') });
  } finally {
    await postgresql.stop();
  }
});
