// SIGHUP and SIGTERM while third parties are at work: nobody notices but those whose rights changed.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Load, relapses } from './support/load.mjs';
import { until } from './support/wait.mjs';
import { World } from './support/world.mjs';

let world;
let gateway;
let load;
let tokens;

before(async () => {
  world = await World.start();
  ({ gateway } = world);
  await world.upstream.publish('slow', Buffer.alloc(1024 * 1024, 'x'));
  const [narrow, wide] = [await world.issuer.clientCredentials('accounts'), await world.issuer.clientCredentials('accounts payments')];
  tokens = [{ kind: 'narrow', token: narrow }, { kind: 'wide', token: wide }];
});
after(async () => {
  await load?.stop();
  await world?.stop();
});

test('SIGHUP under load brings a changed scope into force and loses no request', async () => {
  startLoad();
  await progress(200);
  await gateway.configure(stricter());
  gateway.signal('SIGHUP');
  await until('the new scope to be asked for', () => load.of('narrow').some(({ status }) => status === 403));
  await progress(200);
  await load.stop();

  assert.deepEqual(load.lost, []);
  assert.deepEqual(load.of('wide').filter(({ status }) => status !== 200), [], 'whoever has the new scope does not notice');
  assert.deepEqual(load.of('narrow').filter(({ status }) => ![200, 403].includes(status)), []);
  assert.deepEqual(relapses(load.of('narrow'), 403), [], 'the old policy does not come back');
});

test('a broken file keeps the policy in force and says so on standard error', async () => {
  startLoad();
  await progress(50);
  const said = gateway.stderr.length;
  await gateway.configure(gateway.configuration().replace('upstream: api', 'upstream: nowhere').replace('workers:', 'wrokers:'));
  gateway.signal('SIGHUP');
  const complaint = await until('the complaint', () => /nowhere|wrokers/.test(gateway.stderr.slice(said)) && gateway.stderr.slice(said));
  await progress(200);
  await load.stop();

  assert.match(complaint, /wrokers/, 'every fault is told');
  assert.match(complaint, /nowhere/, 'every fault is told');
  assert.deepEqual(load.lost, []);
  assert.deepEqual(load.of('wide').filter(({ status }) => status !== 200), []);
  assert.deepEqual(load.of('narrow').filter(({ status }) => status !== 403), [], 'the stricter policy of before is in force');
});

test('SIGTERM under load loses no request, lets a slow answer finish, and ends with code 0', async () => {
  startLoad();
  await progress(200);
  const { token } = tokens[1];
  let slow;
  await new Promise((begun, failed) => {
    slow = gateway.request({ path: '/accounts/files/slow', token, onHead: begun });
    slow.catch(failed);
  });
  const leaving = gateway.stop('SIGTERM');
  const [ending] = await Promise.all([leaving, load.done]);

  assert.equal((await slow).body.length, 1024 * 1024);
  assert.deepEqual(load.lost, []);
  assert.deepEqual([...new Set(load.outcomes.map(({ status }) => status))].sort(), [200, 403]);
  assert.deepEqual(ending, { code: 0, signal: null });
});

test('no token shows in any output', async () => {
  assert.deepEqual(await world.leaks(), []);
});

/** Accounts now ask for both scopes. */
function stricter() {
  return gateway.configuration().replaceAll('scopes: [accounts]', 'scopes: [accounts, payments]');
}

function startLoad() {
  let turn = 0;
  load = new Load({ port: gateway.port, connections: 4, next: () => ({ path: '/accounts', ...tokens[turn++ % tokens.length] }) });
}

function progress(count) {
  const goal = load.count() + count;
  return until(`${count} more requests`, () => load.count() >= goal || load.lost.length > 0);
}
