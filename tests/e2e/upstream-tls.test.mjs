// TLS towards upstreams that others wrote: nginx, which proves its name and may ask for ours, and Node's HTTP/2 server.
// HTTP-26, TLS-2.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { Authority } from './support/certificate.mjs';
import { Http2Server } from './support/http2-server.mjs';
import { Nginx } from './support/nginx.mjs';
import { freePorts } from './support/ports.mjs';
import { until } from './support/wait.mjs';
import { World } from './support/world.mjs';

const HOST = 'api.bank.internal';
const [ours, strangers, gates] = ['banks', 'strangers', 'gates'].map((name) => new Authority(name));
const [api, gate, impostor] = [ours.issue('api', [HOST]), gates.issue('gate'), strangers.issue('gate')];

let world;
let gateway;
let token;
/** Node's: one that ends handshakes without a certificate, and two that speak HTTP/2. */
let strict;
let [first, second] = [];

before(async () => {
  world = await World.create();
  ({ gateway } = world);
  const files = { 'ca.pem': ours.cert, 'strangers.pem': strangers.cert, 'gates.pem': gates.cert };
  for (const [name, { cert, key }] of Object.entries({ api, gate, impostor })) Object.assign(files, { [`${name}.pem`]: cert, [`${name}.key`]: key });
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(world.folder, name), text);

  const [plain, mutual] = await freePorts(2);
  world.upstream.servers = server(plain) + server(mutual, `ssl_client_certificate ${path.join(world.folder, 'gates.pem')}; ssl_verify_client on;`);
  strict = https.createServer({ ...api, ca: gates.cert, requestCert: true, rejectUnauthorized: true }, (incoming, outgoing) => {
    outgoing.end(incoming.socket.getPeerCertificate().subject.CN);
  }).on('tlsClientError', () => {}).listen(0, '127.0.0.1');
  await once(strict, 'listening');
  [first, second] = await Promise.all([new Http2Server(api).start(), new Http2Server(api).start()]);

  const shown = (name) => `certificate: ${name}.pem, key: ${name}.key`;
  const upstreams = {
    proven: upstream([plain], `ca_file: ca.pem, server_name: ${HOST}`),
    address: upstream([plain], 'ca_file: ca.pem'),
    stranger: upstream([plain], `ca_file: strangers.pem, server_name: ${HOST}`),
    unnamed: upstream([plain], 'ca_file: ca.pem, server_name: other.bank.internal'),
    system: upstream([plain]),
    shown: upstream([mutual], `ca_file: ca.pem, ${shown('gate')}`),
    silent: upstream([mutual], 'ca_file: ca.pem'),
    'strict-shown': upstream([strict.address().port], `ca_file: ca.pem, ${shown('gate')}`),
    'strict-silent': upstream([strict.address().port], 'ca_file: ca.pem'),
    'strict-impostor': upstream([strict.address().port], `ca_file: ca.pem, ${shown('impostor')}`),
    streams: upstream([first.port, second.port], 'ca_file: ca.pem', 'protocol: http2, eject: { failures: 5, pause: 200ms, slow_start: 200ms }'),
    'no-http2': upstream([plain], 'ca_file: ca.pem', 'protocol: http2'),
  };
  const names = Object.keys(upstreams);
  const routes = names.map((name) => `\n  - { path: "/${name}/{*rest}", methods: [GET, HEAD, POST], scopes: [accounts], upstream: ${name}, body: 4MiB }`);
  const configuration = gateway.configuration.bind(gateway);
  gateway.configuration = () => configuration(routes.join('')).replace(/upstreams:\n.*\n/, `upstreams:\n${names.map((name) => `  - { name: ${name}, ${upstreams[name]} }\n`).join('')}`);
  await Promise.all([world.issuer.start(), world.upstream.start()]);
  await gateway.start();
  token = await world.issuer.clientCredentials('accounts');
});
after(async () => {
  await world?.stop();
  strict?.closeAllConnections();
  strict?.close();
  await Promise.all([first?.stop(), second?.stop()]);
});

/** A server of nginx's that says who it was asked by. */
function server(port, terms = '') {
  return `
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate ${path.join(world.folder, 'api.pem')};
    ssl_certificate_key ${path.join(world.folder, 'api.key')};
    ${terms}
    location / {
      default_type text/plain;
      return 200 "certificate=$ssl_client_s_dn\\nname=$ssl_server_name\\nprotocol=$ssl_protocol\\nsubject=$http_x_auth_client_id\\ntoken=$http_authorization\\n";
    }
  }`;
}

function upstream(ports, tls, more) {
  const servers = ports.map((port) => `"https://127.0.0.1:${port}"`).join(', ');
  return [`servers: [${servers}]`, tls && `tls: { ${tls} }`, more].filter(Boolean).join(', ');
}

let asked = 0;
/** A request of its own path. */
async function ask(name, { target = `/${name}/${(asked += 1)}`, ...options } = {}) {
  return Object.assign(await gateway.request({ path: target, token, ...options }), { target });
}

/** What the access log says of it. */
async function logged({ target }) {
  return until(`${target} in the log`, async () => {
    const line = (await readFile(gateway.accessLog, 'utf8')).split('\n').find((one) => one.includes(`"path":"${target}"`));
    return line && JSON.parse(line);
  });
}

/** Refused by us, as a fault behind us, for this reason and without a word of it to the client. */
async function refused(name, reason, detail) {
  for (const options of [{}, { method: 'POST', body: 'x' }]) {
    const answer = await ask(name, options);
    assert.equal(answer.status, 502, answer.text);
    assert.match(answer.problem.detail, detail);
    assert.equal(answer.challenge, undefined, 'the token is not to blame');
    assert.equal((await logged(answer)).reason, reason);
  }
}

const UNVERIFIED = /could not be verified$/;
const DISAGREED = /could be agreed on$/;

test('nginx that proves its name, or its address, is asked; the token ends here', async () => {
  for (const [name, servername] of [['proven', HOST], ['address', '']]) {
    const answer = await ask(name);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(Nginx.seen(answer), { certificate: '', name: servername, protocol: 'TLSv1.3', subject: 'tpp-machine', token: '' });
  }
});

test('nginx of another authority, of another name, or of no public authority gets nothing', async () => {
  const requests = async () => (await world.upstream.requests()).length;
  const before = await requests();
  for (const name of ['stranger', 'unnamed', 'system']) await refused(name, 'upstream_untrusted', UNVERIFIED);
  assert.equal(await requests(), before);
});

test('nginx that asks for a certificate is shown ours', async () => {
  const answer = await ask('shown');
  assert.equal(answer.status, 200, answer.text);
  assert.equal(Nginx.seen(answer).certificate, 'CN=gate');
});

test('without one nginx says so in HTTP, which is its answer; a server that says so in TLS is one that cannot be agreed with', async () => {
  const answer = await ask('silent');
  assert.equal(answer.status, 400);
  assert.match(answer.text, /No required SSL certificate was sent/);
  const { status, reason, upstream: name } = await logged(answer);
  assert.deepEqual([status, reason, name], [400, undefined, 'silent']);

  assert.equal((await ask('strict-shown')).text, 'gate');
  await refused('strict-silent', 'upstream_handshake', DISAGREED);
  // Node.js looks at a stranger's certificate after the handshake, and ends the connection without a word.
  await refused('strict-impostor', 'upstream_invalid', /gave no valid answer$/);
});

test('a server without HTTP/2 is not spoken to in it', () => refused('no-http2', 'upstream_handshake', DISAGREED));

test('requests reach an HTTP/2 server as they are, many on few connections', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
  const answers = await Promise.all(Array.from({ length: 200 }, () => ask('streams', { agent })));
  for (const { status, headers, target } of answers) {
    assert.equal(status, 200);
    const { seen, ...line } = JSON.parse(headers['x-seen']);
    assert.deepEqual(line, { method: 'GET', target, scheme: 'https', authority: `127.0.0.1:${gateway.port}` });
    assert.equal(seen['x-auth-client-id'], 'tpp-machine');
    assert.deepEqual(['authorization', 'connection', 'keep-alive', 'host', 'transfer-encoding'].filter((name) => name in seen), []);
  }
  agent.destroy();
  // One for each worker and server, unless several were opened at the same moment.
  assert.ok(first.connections + second.connections <= 20, `${first.connections}, ${second.connections}`);
  assert.deepEqual(first.agreed, { protocol: 'h2', version: 'TLSv1.3' });
});

test('bodies pass both ways octet for octet, with a length and in chunks', async () => {
  const body = Buffer.alloc(3_000_000, 'longer than any window of HTTP/2 ');
  for (const sent of [body, [body.subarray(0, 1_000_000), body.subarray(1_000_000)]]) {
    const answer = await ask('streams', { method: 'POST', body: sent });
    assert.equal(answer.status, 200, answer.text.slice(0, 200));
    assert.ok(answer.body.equals(body));
    const { seen } = JSON.parse(answer.headers['x-seen']);
    assert.equal(seen['content-length'], sent === body ? `${body.length}` : undefined);
  }
});

test('an answer with trailers is whole, and its trailers end here', async () => {
  for (const headers of [{ te: 'trailers', connection: 'te' }, {}]) {
    assert.deepEqual(await withTrailers(headers), { status: 200, text: 'hello', trailers: {} });
  }
});

test('HTTP/2 servers leave in order and come back, one after the other: no GET is lost, no POST is made twice', async () => {
  const [gets, posts, sent] = [[], [], new Set()];
  let isOver = false;
  const drive = async (outcomes, method) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    while (!isOver) {
      const id = `${method}-${crypto.randomUUID()}`;
      const answer = await ask('streams', { method, agent, headers: { 'x-id': id }, body: method === 'POST' ? id : undefined });
      outcomes.push(answer.status);
      if (method === 'POST') {
        if (answer.status === 200) sent.add(id);
        else assert.ok(answer.status === 502, answer.text);
      }
    }
    agent.destroy();
  };
  const running = [...Array.from({ length: 6 }, () => drive(gets, 'GET')), ...Array.from({ length: 2 }, () => drive(posts, 'POST'))];
  const turns = 6;
  try {
    for (let turn = 0; turn < turns; turn += 1) {
      const server = turn % 2 ? second : first;
      await server.leave();
      await server.start();
      // Until it has answered, the gateway does not count on it: the other one would be its only one.
      const before = server.requests;
      await until('the server to be asked again', () => server.requests > before + 50);
    }
  } finally {
    isOver = true;
    await Promise.all(running);
  }

  const count = (id) => (first.counts.get(id) ?? 0) + (second.counts.get(id) ?? 0);
  const lost = gets.filter((status) => status !== 200);
  const failed = posts.filter((status) => status !== 200).length;
  console.log(`${turns} restarts: ${gets.length} GET, ${lost.length} lost; ${posts.length} POST, ${failed} of them 502`);
  assert.deepEqual(lost, []);
  for (const id of sent) assert.equal(count(id), 1, id);
  // A GET may be sent again, since nothing comes of it; a POST never is.
  const twice = [...first.counts.keys(), ...second.counts.keys()].filter((id) => count(id) > (id.startsWith('GET') ? 2 : 1));
  assert.deepEqual(twice, []);
  assert.ok(gets.length > 100, `${gets.length}`);
});

test('no token shows in any output', async () => {
  assert.deepEqual(await world.leaks(), []);
});

/** An answer with its trailers. */
function withTrailers(headers) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request({ port: gateway.port, host: '127.0.0.1', method: 'POST', path: '/streams/trailers', agent: false, headers: { authorization: `Bearer ${token}`, ...headers } }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (piece) => (text += piece)).on('error', reject);
      incoming.on('end', () => resolve({ status: incoming.statusCode, text, trailers: incoming.trailers }));
    });
    outgoing.setTimeout(20_000, () => outgoing.destroy(new Error('no answer in 20 s'))).on('error', reject).end('hello');
  });
}
