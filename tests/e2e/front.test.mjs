// HAProxy in front of the gateway: as a balancer that passes TLS on and names its clients by the PROXY protocol, and as a
// proxy that ends connections and names them in a field. HTTP-15, HTTP-27.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { selfSigned } from './support/certificate.mjs';
import { Haproxy } from './support/haproxy.mjs';
import { Nginx } from './support/nginx.mjs';
import { freePorts } from './support/ports.mjs';
import { until } from './support/wait.mjs';
import { World } from './support/world.mjs';

/** Where the client is; HAProxy itself comes from 127.0.0.1, the one hop that is trusted. */
const CLIENT = '127.0.0.5';
const certificates = { api: selfSigned('api', ['api.test']), psd2: selfSigned('psd2', ['*.psd2.test']) };

let world;
let gateway;
let balancer;
let token;
let [v1, v2, fields] = [];

before(async () => {
  world = await World.create();
  ({ gateway } = world);
  [v1, v2, fields] = await freePorts(3);
  const list = [];
  for (const [name, { cert, key }] of Object.entries(certificates)) {
    await writeFile(path.join(world.folder, `${name}.pem`), cert);
    await writeFile(path.join(world.folder, `${name}.key`), key);
    list.push(`{ certificate: ${name}.pem, key: ${name}.key }`);
  }
  const terms = `trusted_hops: [127.0.0.1/32], proxy_protocol: true, tls: { certificates: [${list.join(', ')}] }`;
  const plain = gateway.configuration.bind(gateway);
  gateway.configuration = () => plain().replace('server: {', `server: { ${terms},`);
  await Promise.all([world.issuer.start(), world.upstream.start()]);
  await gateway.start();
  const server = `127.0.0.1:${gateway.port}`;
  balancer = new Haproxy(world.folder, [
    { port: v1, mode: 'tcp', server: `${server} send-proxy check inter 100ms` },
    { port: v2, mode: 'tcp', server: `${server} send-proxy-v2 proxy-v2-options crc32c,unique-id check inter 100ms` },
    { port: fields, mode: 'http', terms: ['option forwardfor'], server },
  ]);
  await balancer.start();
  token = await world.issuer.clientCredentials('accounts');
});
after(async () => {
  await balancer?.stop();
  await world?.stop();
});

/** A request of the client through HAProxy. */
function ask(port, { servername, host = servername, headers = {} } = {}) {
  const [library, ca] = servername ? [https, Object.values(certificates).map(({ cert }) => cert)] : [http, undefined];
  const options = { host: '127.0.0.1', port, localAddress: CLIENT, path: '/accounts', ca, servername, agent: false };
  return new Promise((resolve, reject) => {
    const outgoing = library.request({ ...options, headers: { ...headers, host: host ?? 'api.test', authorization: `Bearer ${token}` } });
    outgoing.setTimeout(20_000, () => outgoing.destroy(new Error('no answer in 20 s')));
    outgoing.on('error', reject);
    outgoing.on('response', async (incoming) => {
      const shown = servername && incoming.socket.getPeerCertificate().subjectaltname;
      const text = (await incoming.setEncoding('utf8').toArray()).join('');
      resolve({ status: incoming.statusCode, shown, text });
    });
    outgoing.end();
  });
}

/** The clients of all requests, as the log has them; a balancer's check that nobody can read is none. */
async function logged() {
  const text = await readFile(gateway.accessLog, 'utf8').catch(() => '');
  const lines = text.split('\n').slice(0, -1).map((line) => JSON.parse(line));
  return lines.filter(({ path }) => path !== undefined).map(({ client }) => client);
}

async function metric(name) {
  const { text } = await gateway.admin('/metrics');
  return Number(new RegExp(`^scopegate_${name} (.*)$`, 'm').exec(text)?.[1]);
}

test('a balancer names its client in both versions, before TLS', async () => {
  for (const [at, port] of [v1, v2].entries()) {
    const answer = await ask(port, { servername: 'api.test', headers: { forwarded: 'for=6.6.6.6', 'x-forwarded-for': '6.6.6.6' } });
    assert.equal(answer.status, 200);
    assert.equal(Nginx.seen(answer).forwarded, `for=${CLIENT};proto=https`);
    await until('its line', async () => (await logged())[at] === CLIENT);
  }
});

test('the balancer\'s own checks are no faults', async () => {
  const before = await metric('connections_accepted_total');
  await until('checks', async () => (await metric('connections_accepted_total')) > before + 4);
  assert.equal(await metric('proxy_headers_malformed_total'), 0);
  assert.equal((await ask(v2, { servername: 'api.test' })).status, 200);
});

test('each host has its certificate, and no other host is answered under it', async () => {
  const api = await ask(v2, { servername: 'api.test' });
  assert.match(api.shown, /DNS:api\.test/);
  const psd2 = await ask(v2, { servername: 'a.psd2.test' });
  assert.deepEqual([psd2.status, /DNS:\*\.psd2\.test/.test(psd2.shown)], [200, true]);
  assert.equal((await ask(v1, { servername: 'api.test', host: 'a.psd2.test' })).status, 421);
});

test('who does not come through the balancer does not get in', async () => {
  await assert.rejects(ask(gateway.port, { servername: 'api.test' }));
  assert.ok((await metric('connections_untrusted_total')) >= 1);
  // HAProxy is a hop, but without its header nothing is believed.
  assert.equal((await ask(fields)).status, 502);
  assert.ok((await metric('proxy_headers_malformed_total')) >= 1);
});

test('a proxy names its client in a field, whatever that wrote there itself', async () => {
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  const configuration = gateway.configuration();
  gateway.configuration = () => configuration.replace(/proxy_protocol: true, tls: \{ certificates: \[.*?\] \},/, '');
  await gateway.start();
  for (const headers of [{}, { 'x-forwarded-for': '6.6.6.6' }, { 'x-forwarded-for': 'trash, 10.0.0.1' }]) {
    const answer = await ask(fields, { headers });
    assert.equal(answer.status, 200);
    assert.equal(Nginx.seen(answer).forwarded, `for=${CLIENT}, for=127.0.0.1;proto=http`);
  }
  await until('their lines', async () => (await logged()).slice(-3).every((client) => client === CLIENT));
  // What the client wrote in the other field goes through HAProxy as it is, and contradicts it.
  const forged = await ask(fields, { headers: { forwarded: 'for=6.6.6.6' } });
  assert.equal(Nginx.seen(forged).forwarded, 'for=127.0.0.1;proto=http');
  assert.equal(await metric('forwarded_malformed_total'), 1);
});
