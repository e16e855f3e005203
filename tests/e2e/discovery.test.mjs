// The gateway finds the issuer's keys through its metadata, and a client finds the issuer through the gateway's.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import * as oauth from 'oauth4webapi';

import { World } from './support/world.mjs';

let world;
let gateway;
let issuer;

before(async () => {
  world = await World.create();
  ({ gateway, issuer } = world);
  const named = gateway.configuration.bind(gateway);
  gateway.configuration = () => named()
    .replace(/ {4}jwks:.*\n/, '')
    .replace('workers: 2', `workers: 2, public_origin: "http://127.0.0.1:${gateway.port}"`);
  await world.upstream.start();
  await gateway.start({ until: 'livez' });
});
after(() => world?.stop());

test('without a word about keys the provider is found, also where it comes later than the gateway', async () => {
  assert.equal((await gateway.admin('/readyz')).status, 503);
  await issuer.start();
  await gateway.becomes('readyz', 200);
  const token = await issuer.clientCredentials('accounts');
  assert.equal((await gateway.request({ path: '/accounts', token })).status, 200);
  const { text } = await gateway.admin('/metrics');
  assert.match(text, /scopegate_issuer_discoveries_total\{issuer="op",outcome="good"\} [1-9]/);
});

test('a client that we did not write reads the metadata that the challenge names', async () => {
  const refused = await gateway.request({ path: '/accounts' });
  const [, named] = refused.headers['www-authenticate'].match(/resource_metadata="([^"]*)"/);
  const identifier = new URL(`http://127.0.0.1:${gateway.port}`);
  const response = await oauth.resourceDiscoveryRequest(identifier, { [oauth.allowInsecureRequests]: true });
  assert.equal(response.url, named);
  const metadata = await oauth.processResourceDiscoveryResponse(identifier, response);
  assert.deepEqual(metadata.scopes_supported, ['accounts', 'payments']);
});
