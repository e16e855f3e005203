// kill -9 in the middle of everything: what was acknowledged is there afterwards, and nothing works twice.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import { answer, register, signUp } from './support/person.mjs';
import { freePorts } from './support/ports.mjs';
import { PostgreSql } from './support/postgresql.mjs';
import { Sandbox } from './support/sandbox.mjs';
import { INITIATION, askForTokens, codeForm, ownToken, question, revoke, tokensOf } from './support/third-party.mjs';

/** Everything that one third party does with one customer, as far as it comes. What was acknowledged is in `kept`. */
async function live(sandbox, developer, kept) {
  const app = await register(sandbox, {}, { developer });
  kept.apps.push(app);
  const own = await ownToken(sandbox, app, 'payments');
  const pisp = `${sandbox.gateway}/open-banking/v4.0/pisp`;
  const created = await json(`${pisp}/domestic-payment-consents`, own, { Data: { Initiation: INITIATION }, Risk: {} });
  const asked = question(app, 'accounts payments', { consent_id: created.Data.ConsentId });
  const back = await answer(sandbox, asked, { fields: { scope: ['accounts', 'payments'], payer: 'acc-1003' } });
  const code = back.searchParams.get('code');
  kept.codes.push({ app, code });
  const tokens = await tokensOf(sandbox, app, codeForm(code));
  kept.used.push({ app, code });
  kept.access.push(tokens.access_token);
  const paid = await json(`${pisp}/domestic-payments`, tokens.access_token, { Data: { ConsentId: created.Data.ConsentId, Initiation: INITIATION }, Risk: {} });
  kept.payments.push({ app, id: paid.Data.DomesticPaymentId });
  const fresh = await tokensOf(sandbox, app, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token });
  kept.refreshed.push({ app, old: tokens.refresh_token });
  kept.access.push(fresh.access_token);
  assert.equal((await revoke(sandbox, app, own)).status, 200);
  kept.revoked.push(own);
}

async function json(url, bearer, body) {
  const answered = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', 'x-idempotency-key': crypto.randomUUID() }, body: JSON.stringify(body) });
  const told = await answered.json();
  assert.equal(answered.status, 201, JSON.stringify(told));
  return told;
}

async function survives(where) {
  const [listen, portal] = (await freePorts(2)).map((port) => `127.0.0.1:${port}`);
  const kept = { apps: [], codes: [], used: [], access: [], payments: [], refreshed: [], revoked: [] };
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
    while (kept.revoked.length < 5) await Promise.race([new Promise((resolve) => setTimeout(resolve, 20)), ...lives]);
    isOver.yes = true;
    await sandbox.kill();
    await Promise.all(lives);
    sandbox = await Sandbox.start({ ...where, listen, portal });

    for (const app of kept.apps) assert.ok(await ownToken(sandbox, app, 'payments'));
    for (const access of kept.access) {
      const answered = await fetch(`${sandbox.gateway}/open-banking/v4.0/aisp/accounts`, { headers: { authorization: `Bearer ${access}` } });
      assert.equal(answered.status, 200, await answered.text());
    }
    for (const { app, id } of kept.payments) {
      const own = await ownToken(sandbox, app, 'payments');
      const answered = await fetch(`${sandbox.gateway}/open-banking/v4.0/pisp/domestic-payments/${id}`, { headers: { authorization: `Bearer ${own}` } });
      assert.equal(answered.status, 200);
    }
    // Also where the gateway's own list is gone with its folder.
    for (const revoked of kept.revoked) {
      const answered = await fetch(`${sandbox.gateway}/open-banking/v4.0/pisp/domestic-payments/dp-1`, { headers: { authorization: `Bearer ${revoked}` } });
      assert.equal(answered.status, 401, 'a token that was given back');
    }
    // Codes that were given out and not used are there; those that were used are over, and so are old refresh tokens.
    const wasUsed = ({ code }) => kept.used.some((used) => used.code === code);
    for (const { app, code } of kept.codes) {
      const first = await askForTokens(sandbox, app, codeForm(code));
      if (wasUsed({ code })) assert.equal(first.status, 400);
      const second = await askForTokens(sandbox, app, codeForm(code));
      assert.equal(second.status, 400);
    }
    for (const { app, old } of kept.refreshed) assert.equal((await askForTokens(sandbox, app, { grant_type: 'refresh_token', refresh_token: old })).status, 400);
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
