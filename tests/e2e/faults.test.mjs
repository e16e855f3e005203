// Faults of the machine and of the servers behind, on the real binary. What clients see is in each test's name; what needs
// no operating system is in `tests/it/faults.rs`, with a table of who proves what.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, test } from 'node:test';
import { promisify } from 'node:util';

import { Conversation } from './support/conversation.mjs';
import { Hostile } from './support/hostile.mjs';
import { pipeline } from './support/pipeline.mjs';
import { Origin } from './support/origins.mjs';
import { freePorts } from './support/ports.mjs';
import { Stage } from './support/stage.mjs';
import { until } from './support/wait.mjs';

const run = promisify(execFile);
const MIB = 1024 * 1024;
const ROUTES = `
  - { path: /accounts, methods: [GET], scopes: [accounts], upstream: api }
  - { path: "/accounts/{*rest}", methods: [GET], scopes: [accounts], upstream: api }
  - { path: /payments, methods: [POST], scopes: [payments], upstream: api, body: 512MiB }`;

/** What a test started, ended in the reverse order. */
const endings = [];
afterEach(async () => {
  while (endings.length > 0) await endings.pop()();
});

async function stage(upstreamPort, settings = {}) {
  const gateway = await Stage.before(upstreamPort, { routes: ROUTES, ...settings });
  endings.push(() => gateway.remove());
  return gateway;
}

async function hostile() {
  const upstream = await new Hostile().start();
  endings.push(() => upstream.stop());
  return upstream;
}

test('disk full under the access log: every request is answered, lost lines are counted, and no later line is torn', async () => {
  const upstream = await hostile();
  const gateway = await stage(upstream.port, { log: 'log/access.log' });
  const folder = path.join(gateway.folder, 'log');
  await mkdir(folder);
  const isMounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]).then(() => true, () => false);
  const filler = path.join(folder, 'filler');
  if (isMounted) {
    endings.push(() => run('umount', ['-l', folder]));
    await writeFile(filler, Buffer.alloc(40 * 1024));
  } else {
    console.log('no file system of a given size can be mounted here: /dev/full stands in for one');
    await symlink('/dev/full', gateway.accessLog);
  }
  await gateway.start();
  const token = gateway.token('accounts');
  const ask = (from, count) => pipeline(gateway.port, Array.from({ length: count }, (_, n) =>
    ({ method: 'GET', target: `/accounts/${from + n}`, fields: [['authorization', `Bearer ${token}`]] })));

  const lost = () => gateway.metric('scopegate_access_log_lines_unwritten_total');
  await until('lines to be lost', async () => {
    const answers = await ask(0, 500);
    assert.ok(answers.every(({ status }) => status === 200), 'not one request fails for the log');
    return await lost() > 0;
  });
  assert.match(gateway.stderr, /cannot write the access log/);
  // Once for each time that it begins: a short block may still have fitted in between.
  assert.ok(gateway.stderr.match(/cannot write the access log/g).length <= 3, gateway.stderr);

  // Room again: by itself where a disk was full, after SIGHUP where the file is another.
  if (isMounted) {
    await rm(filler);
  } else {
    await unlink(gateway.accessLog);
    gateway.signal('SIGHUP');
  }
  await until('lines to be written again', async () => {
    await ask(100_000, 1);
    return (await readFile(gateway.accessLog, 'utf8')).includes('/accounts/100000');
  });
  const lines = (await readFile(gateway.accessLog, 'utf8')).split('\n').filter(Boolean);
  const torn = lines.filter((line) => !line.endsWith('}') || !line.startsWith('{'));
  console.log(`${await lost()} lines lost and counted, ${lines.length} written, ${torn.length} of them torn where the disk was full`);
  assert.ok(torn.length <= 3, `${torn}`);
  // One of these may itself have been cut, while there was no room yet.
  const whole = lines.filter((line) => line.includes('/accounts/100000') && !torn.includes(line));
  assert.ok(whole.length > 0 && whole.every((line) => JSON.parse(line).status === 200));
});

test('file descriptors used up: those inside are served or told 502, nobody hangs, no core spins, and then all is as before', async () => {
  const upstream = await hostile();
  const gateway = await stage(upstream.port);
  gateway.starter = ['prlimit', '--nofile=96:96'];
  await gateway.start();
  const token = gateway.token('accounts');
  const ask = `GET /accounts HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`;
  const inside = await Conversation.open(gateway.port);
  inside.send(ask);
  assert.equal((await inside.answer()).status, 200);

  const crowd = await Promise.all(Array.from({ length: 200 }, () => Conversation.open(gateway.port)));
  for (const one of crowd) one.send('GET /acc');
  await until('no descriptor to be left', async () => (await descriptors(gateway.pid)) >= 94);
  const [spent, begun] = [await cpuMs(gateway.pid), performance.now()];
  for (let turn = 0; turn < 10; turn += 1) {
    inside.send(ask);
    const { status } = await inside.answer();
    assert.ok([200, 502, 503].includes(status), `${status}`);
  }
  await new Promise((waited) => setTimeout(waited, 1500));
  const load = (await cpuMs(gateway.pid) - spent) / (performance.now() - begun);
  assert.ok(load < 0.7, `${load} of a core while nothing can be accepted`);

  for (const one of crowd) one.destroy();
  await until('everybody to be served again', async () => {
    const answer = await gateway.request({ path: '/accounts', token }).catch(() => undefined);
    return answer?.status === 200;
  });
  inside.send(ask);
  assert.equal((await inside.answer()).status, 200);
  inside.destroy();
  await until('no connection to be left', async () => await gateway.metric('scopegate_connections') === 0);
  console.log(`${load.toFixed(2)} of a core while no descriptor was left`);
});

test('little memory: 256 MiB pass in both directions within 48 MiB of address space more than at rest', async () => {
  const upstream = http.createServer((incoming, outgoing) => {
    if (incoming.method === 'POST') {
      const hash = createHash('sha256');
      let count = 0;
      incoming.on('data', (piece) => {
        hash.update(piece);
        count += piece.length;
      });
      incoming.on('end', () => outgoing.end(`${count} ${hash.digest('hex')}`));
      return;
    }
    let left = 256;
    outgoing.setHeader('content-length', left * MIB);
    const send = () => {
      while (left > 0) {
        left -= 1;
        if (!outgoing.write(BLOCK)) return outgoing.once('drain', send);
      }
      outgoing.end();
    };
    send();
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  endings.push(() => (upstream.closeAllConnections(), upstream.close()));
  const gateway = await stage(upstream.address().port);
  await gateway.start();
  const token = gateway.token('accounts payments');
  await gateway.request({ path: '/accounts/warm', token });
  const resting = await gateway.memory('VmSize');
  const start = await gateway.memory();
  await run('prlimit', ['--pid', `${gateway.pid}`, `--as=${resting + 48 * MIB}`]);

  const down = await count(gateway.port, token);
  assert.deepEqual(down, { status: 200, length: 256 * MIB });
  const up = await post(gateway.port, token, 256);
  const expected = createHash('sha256');
  for (let n = 0; n < 256; n += 1) expected.update(BLOCK);
  assert.equal(up, `${256 * MIB} ${expected.digest('hex')}`);
  const most = await gateway.memory('VmHWM');
  console.log(`256 MiB down and up: ${((most - start) / MIB).toFixed(1)} MiB more than at rest at most`);
  assert.ok(most < start + 16 * MIB, `${start} bytes at rest, ${most} at most`);
});

test('an upstream killed in mid-request is 502, one that hangs 504, and both are 200 when it is back', async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'scopegate-e2e-'));
  endings.push(() => rm(folder, { recursive: true, force: true }));
  const [port] = await freePorts(1);
  let origin = await Origin.node(folder, port);
  endings.push(() => origin.stop());
  const gateway = await stage(port, { upstream: 'response_timeout: 1s, connect_timeout: 1s' });
  await gateway.start();
  const token = gateway.token('accounts payments');
  const get = () => gateway.request({ path: '/accounts', token });
  assert.equal((await get()).status, 200);

  // It takes the connection, and the request, and does nothing.
  origin.signal('SIGSTOP');
  const [late, payment] = await Promise.all([get(), gateway.request({ method: 'POST', path: '/payments', token, body: 'x' })]);
  assert.deepEqual([late.status, payment.status], [504, 504]);
  assert.equal(late.headers['content-type'], 'application/problem+json');
  origin.signal('SIGCONT');
  await until('the answer', async () => (await get()).status === 200);

  origin.signal('SIGSTOP');
  const waiting = get();
  await new Promise((sent) => setTimeout(sent, 300));
  origin.signal('SIGKILL');
  assert.equal((await waiting).status, 502);
  for (let turn = 0; turn < 3; turn += 1) assert.ok([502, 503].includes((await get()).status));
  origin = await Origin.node(folder, port);
  await until('the answer', async () => (await get()).status === 200);
});

test('an upstream that resets the connection: 502 before the head, an aborted message behind it, and nobody else notices', async () => {
  const upstream = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (octets) => {
      const text = octets.toString('latin1');
      if (text.startsWith('GET /accounts/reset')) socket.resetAndDestroy();
      else if (text.startsWith('GET /accounts/half')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', () => socket.resetAndDestroy());
      else if (text.startsWith('GET /accounts/head')) socket.write('HTTP/1.1 200 OK\r\nContent-Le', () => socket.resetAndDestroy());
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood');
    });
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  endings.push(() => upstream.close());
  const gateway = await stage(upstream.address().port);
  await gateway.start();
  const token = gateway.token('accounts');
  const ask = (target) => `GET ${target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`;
  for (let turn = 0; turn < 20; turn += 1) {
    for (const [target, status] of [['/accounts/reset', 502], ['/accounts/head', 502], ['/accounts/half', undefined]]) {
      const client = await Conversation.open(gateway.port);
      client.send(ask(target));
      assert.equal((await client.answer())?.status, status, target);
      if (status === undefined) {
        assert.ok(!(await client.rest()).endsWith('good'));
      } else {
        client.send(ask('/accounts/good'));
        assert.equal((await client.answer()).text, 'good', target);
      }
      client.destroy();
    }
  }
});

const BLOCK = Buffer.alloc(MIB, 'abcdefg');

async function descriptors(pid) {
  const { stdout } = await run('ls', [`/proc/${pid}/fd`]);
  return stdout.trim().split('\n').length;
}

/** Processor time of all its threads. */
async function cpuMs(pid) {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Takes a large answer in and throws it away. */
function count(port, token) {
  return new Promise((resolve, reject) => {
    http.get({ port, host: '127.0.0.1', path: '/accounts/large', agent: false, headers: { authorization: `Bearer ${token}` } }, (incoming) => {
      let length = 0;
      incoming.on('data', (piece) => (length += piece.length));
      incoming.on('end', () => resolve({ status: incoming.statusCode, length }));
      incoming.on('error', reject);
    }).on('error', reject);
  });
}

/** Sends a large body in chunks and returns what is answered. */
function post(port, token, blocks) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request({ port, host: '127.0.0.1', method: 'POST', path: '/payments', agent: false, headers: { authorization: `Bearer ${token}` } }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (piece) => (text += piece)).on('end', () => resolve(text)).on('error', reject);
    });
    outgoing.on('error', reject);
    const send = () => {
      while (blocks > 0) {
        blocks -= 1;
        if (!outgoing.write(BLOCK)) return outgoing.once('drain', send);
      }
      outgoing.end();
    };
    send();
  });
}
