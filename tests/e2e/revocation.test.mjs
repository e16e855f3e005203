// The deny-list of the real program: in force on the next request of every worker, and not lost when the machine stops.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';

import { request } from './support/client.mjs';
import { Load, relapses } from './support/load.mjs';
import { until } from './support/wait.mjs';
import { World } from './support/world.mjs';

let world;
let gateway;
let load;
let token;
let claims;

before(async () => {
  world = await World.start();
  ({ gateway } = world);
  await gateway.stop();
  const plain = gateway.configuration();
  gateway.configuration = () => `${plain}revocations: { file: revocations }\n`;
  await gateway.start();
  token = await world.issuer.clientCredentials('accounts');
  claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
});
after(async () => {
  await load?.stop();
  await world?.stop();
});

test('a client that is revoked under load gets no answer more, from any worker', async () => {
  load = new Load({ port: gateway.port, connections: 8, next: () => ({ kind: 'known', path: '/accounts', token }) });
  await until('a warm cache', () => load.count(200) >= 400 || load.lost.length > 0);
  const answer = await revoke({ issuer: claims.iss, client_id: claims.client_id });
  assert.equal(answer.status, 204, answer.text);
  const acknowledged = performance.now();
  await until('refusals', () => load.count(401) >= 400 || load.lost.length > 0);
  await load.stop();

  assert.deepEqual(load.lost, []);
  assert.deepEqual(relapses(load.of('known'), 401), []);
  const late = load.of('known').filter(({ started, status }) => started > acknowledged && status !== 401);
  assert.deepEqual(late, [], 'what began after the acknowledgement is refused');
});

test('what was acknowledged survives a kill', async () => {
  await gateway.stop('SIGKILL');
  await gateway.start();
  const answer = await gateway.request({ path: '/accounts', token });
  assert.equal(answer.status, 401);
  assert.match(answer.headers['www-authenticate'], /error_description="The access token was revoked"/);
});

test('a file that is broken in the middle is refused with its line, and nothing is started', async () => {
  await gateway.stop();
  await writeFile(`${gateway.folder}/revocations`, 'nonsense\n');
  await assert.rejects(gateway.start());
  assert.match(gateway.stderr, /revocations: .*line 1 is no revocation/);
});

function revoke(body) {
  return request({
    port: gateway.adminPort,
    method: 'POST',
    path: '/revoke',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}
