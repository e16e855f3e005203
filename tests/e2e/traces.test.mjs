// Traces as OpenTelemetry's own classes read them, and what a collector that is slow, refuses or is killed costs: spans.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { Collector } from './support/collector.mjs';
import { PROGRAM } from './support/gateway.mjs';
import { Load } from './support/load.mjs';
import { Nginx } from './support/nginx.mjs';
import { Process } from './support/processes.mjs';
import { run } from './support/python.mjs';
import { until } from './support/wait.mjs';
import { World } from './support/world.mjs';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';

let world;
let gateway;
let collector;
let token;

before(async () => {
  assert.equal((await run('python', ['-c', 'import opentelemetry.proto'])).code, 0);
  world = await World.create();
  ({ gateway } = world);
  collector = await Collector.start();
  const configuration = gateway.configuration.bind(gateway);
  gateway.configuration = (routes) =>
    `${configuration(routes)}tracing: { otlp: "${collector.address}", sample: ${gateway.sample ?? 1}, timeout: 1s, service_name: door }\naudit_log: { path: audit.log }\n`;
  await Promise.all([world.issuer.start(), world.upstream.start()]);
  await gateway.start();
  token = await world.issuer.clientCredentials('accounts');
});
after(async () => {
  await collector?.stop();
  await world?.stop();
});

const spansOf = (id, count) =>
  until(`${count} spans`, async () => {
    const spans = (await collector.spans()).filter((span) => span.trace === id);
    return spans.length >= count && spans;
  });
const traced = (id, flags = '01') => ({ traceparent: `00-${id}-${PARENT}-${flags}` });

test('a request leaves its own span, below that of whoever sent it, and one of the exchange with the upstream', async () => {
  const id = '93bac548-d2de-4546-b106-880a5018460d';
  const started = Date.now();
  const answer = await gateway.request({ path: '/accounts/a?secret=canary-query', token, headers: { ...traced(TRACE), 'x-fapi-interaction-id': id } });
  const ended = Date.now();
  const spans = await spansOf(TRACE, 2);
  assert.equal(spans.length, 2);
  const server = spans.find((span) => span.kind === 'SPAN_KIND_SERVER');
  const client = spans.find((span) => span.kind === 'SPAN_KIND_CLIENT');

  assert.equal(server.name, 'GET /accounts/{*rest}');
  assert.deepEqual([server.parent, client.parent], [PARENT, server.span]);
  assert.notEqual(client.span, server.span);
  assert.equal(Nginx.seen(answer).traceparent, `00-${TRACE}-${client.span}-01`, 'the upstream goes on from there');
  assert.deepEqual([server.flags, client.flags], [0x301, 0x101], 'sampled; the parent of the first is elsewhere');
  const { 'scopegate.client_id': clientId, ...attributes } = server.attributes;
  assert.ok(clientId);
  assert.deepEqual(attributes, {
    'http.request.method': 'GET',
    'http.route': '/accounts/{*rest}',
    'http.response.status_code': 200,
    'network.protocol.version': '1.1',
    'scopegate.interaction_id': id,
    'scopegate.issuer': 'op',
  });
  assert.deepEqual([client.attributes['server.address'], client.attributes['server.port']], ['127.0.0.1', gateway.upstreamPort]);
  assert.equal(server.resource['service.name'], 'door');
  assert.equal(server.scope[0], 'scopegate');
  const [start, end] = [server.start_ns, server.end_ns].map((ns) => Number(BigInt(ns) / 1_000_000n));
  assert.ok(start >= started - 1 && end <= ended + 1, `${start} to ${end} within ${started} to ${ended}`);
  assert.ok(BigInt(client.start_ns) >= BigInt(server.start_ns) && BigInt(client.end_ns) <= BigInt(server.end_ns), 'the one is within the other');
});

test('who is refused leaves one span, which says why and is no fault of the server', async () => {
  const trace = 'a'.repeat(32);
  assert.equal((await gateway.request({ path: '/accounts', token: 'not.a.token', headers: traced(trace) })).status, 401);
  const [span, ...more] = await spansOf(trace, 1);
  assert.deepEqual(more, []);
  assert.equal(span.attributes['scopegate.reason'], 'token_unreadable');
  assert.deepEqual([span.status, span.attributes['http.response.status_code']], ['STATUS_CODE_UNSET', 401]);
});

test('an upstream that is away is an error of both spans', async () => {
  const trace = 'b'.repeat(32);
  await world.upstream.stop();
  assert.equal((await gateway.request({ path: '/accounts', token, headers: traced(trace) })).status, 502);
  const spans = await spansOf(trace, 2);
  assert.deepEqual(spans.map((span) => [span.status, span.attributes['error.type']]), Array(2).fill(['STATUS_CODE_ERROR', 'upstream_refused']));
  await world.upstream.start();
});

test('what is traced and what is audited names the same trace', async () => {
  const trace = 'c'.repeat(32);
  await gateway.request({ path: '/accounts', token, headers: traced(trace) });
  for (const log of [gateway.accessLog, path.join(world.folder, 'audit.log')]) {
    await until(`a line in ${log}`, async () => (await readFile(log, 'utf8')).includes(`"trace_id":"${trace}"`));
  }
});

test('a collector that is slow, refuses, is killed and comes back costs no request', async () => {
  const dropped = () => gateway.metric('scopegate_trace_spans_dropped_total{cause="collector"}');
  const load = new Load({ port: gateway.port, next: () => ({ path: '/accounts', token, kind: 'good' }) });
  const progress = async (count) => {
    const from = load.count();
    await until(`${count} more answers`, () => load.count() >= from + count);
  };
  await progress(200);
  await collector.behave({ delay_ms: 5_000 });
  await progress(200);
  await collector.behave({ delay_ms: 0, status: 400 });
  await until('spans that are refused', async () => (await dropped()) > 0, { within: 30_000 });
  await collector.stop();
  await progress(200);
  await collector.start();
  await until('spans in the new one', async () => (await collector.spans()).length > 0, { within: 60_000 });
  await load.stop();

  assert.deepEqual(load.lost, []);
  const slowest = Math.max(...load.outcomes.map(({ started, ended }) => ended - started));
  assert.ok(slowest < 1_000, `the slowest took ${slowest} ms`);
  assert.equal(collector.complaints, '');
});

test('nothing secret is in a span', async () => {
  const text = JSON.stringify(await collector.spans());
  const parts = world.issuer.issued.flatMap((one) => one.split('.'));
  assert.deepEqual(parts.filter((part) => text.includes(part)), []);
  assert.ok(!text.includes('canary'));
  assert.deepEqual(await world.leaks(), []);
});

test('a part of the requests is sampled, whatever a stranger asks for', async () => {
  gateway.sample = 0;
  await gateway.configure(gateway.configuration());
  gateway.signal('SIGHUP');
  const trace = 'd'.repeat(32);
  await until('the new part', async () => (await gateway.metric('scopegate_config_generation')) === 2);
  await gateway.request({ path: '/accounts', token, headers: traced(trace) });
  await gateway.stop();
  assert.deepEqual((await collector.spans()).filter((span) => span.trace === trace), []);
});

test('the audit log of all this is as it was written', async () => {
  const verified = Process.start(PROGRAM, ['audit', 'verify', path.join(world.folder, 'audit.log')]);
  assert.equal((await verified.ended).code, 0, verified.stdout);
  assert.match(verified.stdout, /^intact: \d+ lines in 1 file/);
  assert.doesNotMatch(verified.stdout, /no `stop`/);
});
