// The compose file's own Prometheus configuration, in a real Prometheus in front of the demo: it is let in over TLS with its
// token, and the rules of deploy/ have something to add up.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { request } from './support/client.mjs';
import { Demo } from './support/demo.mjs';
import { freePorts } from './support/ports.mjs';
import { Process } from './support/processes.mjs';
import { promtool } from './support/prometheus.mjs';
import { until } from './support/wait.mjs';

const RULES = fileURLToPath(new URL('../../deploy/prometheus', import.meta.url));

let demo;
let config;
let prometheus;

before(async () => {
  demo = await Demo.prepare();
  await demo.start();
  config = path.join(demo.root, 'prometheus.yml');
  const text = await readFile(path.join(demo.folder, 'prometheus.yml'), 'utf8');
  await writeFile(config, text
    .replaceAll('5s', '1s')
    .replaceAll('/etc/prometheus/rules', RULES)
    .replaceAll('/etc/prometheus', path.join(demo.folder, 'run'))
    .replace('gateway:9090', demo.adminUrl.replace('https://', '')));
});
after(async () => {
  await prometheus?.stop();
  await demo?.stop();
});

test('promtool takes the configuration', async () => {
  const { code, text } = await promtool('check', 'config', config);
  assert.equal(code, 0, text);
  assert.match(text, /rules found/);
});

test('a real Prometheus is let in, and has what its rules add up', async () => {
  const [port] = await freePorts(1);
  const data = path.join(demo.root, 'metrics');
  await mkdir(data);
  prometheus = Process.start('prometheus', [`--config.file=${config}`, `--storage.tsdb.path=${data}`, `--web.listen-address=127.0.0.1:${port}`]);
  const value = async (query) => {
    prometheus.assertRunning();
    const { text } = await request({ port, path: `/api/v1/query?query=${encodeURIComponent(query)}` });
    return Number(JSON.parse(text).data.result[0]?.value[1] ?? NaN);
  };
  await until('the gateway to be scraped', () => value('up{job="scopegate"}').then((up) => up === 1, () => false), { within: 30_000 });
  await demo.script('calls', '60');
  await until('the refusals', async () => (await value('sum(scopegate_requests_total{reason="scope_missing"})')) === 10, { within: 30_000 });
  await demo.script('calls', '60');
  await until('the rules', async () => (await value('sum(scopegate:refusals:rate5m)')) > 0, { within: 60_000 });
});
