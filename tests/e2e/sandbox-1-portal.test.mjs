// 1. Developer portal: a person with a browser goes from nothing to a paid payment by what the screen says, and on to the
// end of a token. Every page on the way is looked over: axe-core, its own policy, scripts, width.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from './support/browser.mjs';
import { Sandbox } from './support/sandbox.mjs';
import { until } from './support/wait.mjs';

let sandbox;
let browser;
before(async () => {
  [sandbox, browser] = await Promise.all([Sandbox.start(), Browser.start()]);
});
after(async () => {
  await browser?.stop();
  await sandbox?.stop();
});

let people = 0;

/** Somebody who signed up and added an application with every API. */
async function developer(options) {
  people += 1;
  const visitor = await browser.visitor(`developer-${people}`, options);
  await visitor.open(`${sandbox.portal}/`);
  await visitor.follow('Create account');
  await visitor.fill({ 'Your name': 'Ada', 'E-mail': `ada-${people}@tally.example`, Password: 'green ladder seventeen' });
  await visitor.press('Create account');
  await visitor.follow('Add application');
  await visitor.fill({ Name: 'Tally' });
  await visitor.press('Create application');
  return visitor;
}

/** The customer logs in, if they have to, and types what the text message says. */
async function logIn(visitor) {
  const text = await visitor.text();
  const link = /Fill in for .*/.exec(text);
  if (link) {
    await visitor.follow(link[0]);
    await visitor.press('Log in');
  }
  const code = /\b(\d{3}) ?(\d{3})\b is your code/.exec(await visitor.text());
  if (code) {
    await visitor.fill({ 'Six-digit code': code[1] + code[2] });
    await visitor.press('Confirm the code');
  }
}

const tickFirst = (visitor) => visitor.tickFirst();
/** The page of the application that was just added. */
const applicationOf = async (visitor) => `${sandbox.portal}/applications/${await shown(visitor, 'client-id')}`;
const shown = async (visitor, id) => /\S+/.exec(await visitor.read(id))[0];
const accounts = (token) => fetch(`${sandbox.gateway}/open-banking/v4.0/aisp/accounts`, { headers: { authorization: `Bearer ${token}` } });

for (const [who, options] of [
  ['at a desk', { viewport: { width: 1440, height: 900 } }],
  ['at a telephone in the dark', { viewport: { width: 360, height: 740 }, colorScheme: 'dark' }],
  ['without scripts', { javaScriptEnabled: false }],
]) {
  test(`1. Developer portal, ${who}: from sign-up to a paid payment`, async () => {
    const visitor = await developer(options);
    await visitor.follow('Make a test payment');
    await visitor.press('Create the consent');
    await visitor.press('Ask the customer');
    await logIn(visitor);
    assert.match(await visitor.text(), /£12\.50[\s\S]*Ada Books/);
    await visitor.press('Allow');
    await visitor.press('Pay');
    await until('the payment to be settled', async () => {
      await visitor.reload();
      if (!(await visitor.sees('button', 'Refresh status'))) return true;
      await visitor.press('Refresh status');
      return /\bPaid\b/.test(await visitor.text());
    }, { within: 20_000 });
    assert.match(await visitor.text(), /\bPaid\b/);
    const steps = visitor.steps.filter((step) => !/^(reload|press “Refresh status”)/.test(step));
    console.log(`${steps.length} steps: ${steps.join(', ')}`);
    assert.ok(steps.length <= 15, steps.join(', '));
    assert.deepEqual(visitor.faults, []);
    await visitor.leave();
  });
}

test('1. Developer portal: a customer’s token opens the accounts, is refreshed, revoked, and opens nothing any more', async () => {
  const visitor = await developer();
  await visitor.press('Get a customer’s token');
  await logIn(visitor);
  await tickFirst(visitor);
  await visitor.press('Allow');
  const first = await shown(visitor, 'access-token');
  assert.equal((await accounts(first)).status, 200);
  await visitor.press('Refresh');
  const second = await shown(visitor, 'access-token');
  assert.notEqual(second, first);
  assert.equal((await accounts(second)).status, 200);
  await visitor.press('Revoke');
  assert.equal((await accounts(second)).status, 401);
  await visitor.follow('Tally');
  await visitor.follow('Calls');
  await until('the gateway’s log', async () => {
    await visitor.follow('Look again');
    return /Passed/.test(await visitor.text());
  }, { within: 5_000 });
  assert.deepEqual(visitor.faults, []);
  await visitor.leave();
});

test('a customer who refuses sends the developer back with the refusal', async () => {
  const visitor = await developer();
  await visitor.press('Get a customer’s token');
  await logIn(visitor);
  await visitor.press('Refuse');
  assert.match(await visitor.text(), /access_denied/);
  assert.deepEqual(visitor.faults, []);
  await visitor.leave();
});

test('an impatient customer who presses twice gives one consent, and the back button answers nothing again', async () => {
  const visitor = await developer();
  await visitor.press('Get a customer’s token');
  await logIn(visitor);
  await tickFirst(visitor);
  await visitor.pressTwice('Allow');
  assert.equal((await accounts(await shown(visitor, 'access-token'))).status, 200);
  await visitor.back();
  assert.doesNotMatch(await visitor.text(), /Which accounts may it see/);
  assert.deepEqual(visitor.faults, []);
  await visitor.leave();
});

test('a session that ran out in the middle logs in again, and a second tab does not mix with the first', async () => {
  const visitor = await developer();
  const application = await applicationOf(visitor);
  const tab = await visitor.tab();
  await visitor.press('Get a customer’s token');
  await tab.open(application);
  await tab.press('Get a customer’s token');
  await logIn(tab);
  await tab.press('Refuse');
  assert.match(await tab.text(), /access_denied/);
  await visitor.reload();
  await logIn(visitor);
  await tickFirst(visitor);
  await visitor.press('Allow');
  assert.equal((await accounts(await shown(visitor, 'access-token'))).status, 200);
  await visitor.forget();
  await visitor.open(application);
  assert.match(await visitor.heading(), /Sign in/);
  assert.deepEqual(visitor.faults, []);
  await visitor.leave();
});

test('every other page of the portal is without a serious fault, in both themes', async () => {
  for (const colorScheme of ['light', 'dark']) {
    const visitor = await developer({ colorScheme });
    const application = await applicationOf(visitor);
    for (const page of ['/dashboard', '/applications', '/applications/new', '/apis', '/apis/accounts', '/apis/payments/CreateDomesticPaymentConsent', '/start', '/status', '/my/access']) await visitor.open(sandbox.portal + page);
    for (const page of ['/calls', '/edit', '/delete', '/payment', '/accounts']) await visitor.open(application + page);
    assert.deepEqual(visitor.faults, []);
    await visitor.leave();
  }
});
