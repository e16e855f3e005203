// What the TLS listener takes, found out by a program that others wrote (TLS-1): 1.2 and 1.3, forward secrecy, AEAD.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { selfSigned } from './support/certificate.mjs';
import { sslscan } from './support/sslscan.mjs';
import { Stage } from './support/stage.mjs';

const ROUTES = `
  - { path: /accounts, methods: [GET], scopes: [accounts], upstream: api }`;

let gateway;
let found;
const of = (element) => found.filter((one) => one.element === element);

before(async () => {
  gateway = await Stage.before(9, { routes: ROUTES, server: 'workers: 1, tls: { certificate: gateway.pem, key: gateway.key }' });
  const { cert, key } = selfSigned('gateway');
  await writeFile(path.join(gateway.folder, 'gateway.pem'), cert);
  await writeFile(path.join(gateway.folder, 'gateway.key'), key);
  await gateway.start();
  found = await sslscan(gateway.port);
});
after(() => gateway?.remove());

test('no protocol before TLS 1.2', () => {
  const enabled = of('protocol').filter(({ enabled }) => enabled === '1').map(({ type, version }) => `${type} ${version}`);
  assert.deepEqual(enabled.sort(), ['tls 1.2', 'tls 1.3']);
  assert.equal(of('protocol').length, 6, 'all were tried');
});

test('only suites with ephemeral keys and authenticated encryption', () => {
  const suites = of('cipher').filter(({ status }) => status === 'preferred' || status === 'accepted');
  const weak = suites.filter(({ sslversion, cipher }) => (sslversion === 'TLSv1.3'
    ? !/^TLS_(AES_(128|256)_GCM|CHACHA20_POLY1305)_SHA(256|384)$/.test(cipher)
    : !/^ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM-SHA(256|384)|CHACHA20-POLY1305)$/.test(cipher)));
  console.log(suites.map(({ sslversion, cipher }) => `${sslversion} ${cipher}`).join(', '));
  assert.deepEqual(weak, []);
  assert.ok(suites.length >= 5, 'both versions were tried');
  assert.deepEqual(suites.filter(({ bits }) => Number(bits) < 128), []);
});

test('no weak group', () => {
  const groups = of('group');
  assert.ok(groups.length > 0);
  assert.deepEqual(groups.filter(({ bits }) => Number(bits) < 128), []);
});

test('no renegotiation, no compression, no heartbeat that bleeds, no weak signature', () => {
  assert.deepEqual(of('renegotiation').map(({ supported }) => supported), ['0']);
  // Said only by a scanner that could compress.
  assert.deepEqual(of('compression').filter(({ supported }) => supported !== '0'), []);
  assert.deepEqual(of('heartbleed').filter(({ vulnerable }) => vulnerable !== '0'), []);
  assert.deepEqual(of('connection-signature-algorithm').filter(({ name }) => /sha1|md5|dsa_sha/i.test(name)), []);
});
