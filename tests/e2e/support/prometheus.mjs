// A real Prometheus with the rules of deploy/prometheus, and promtool. Who imports this needs both.

import { readFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Process } from './processes.mjs';
import { until, within } from './wait.mjs';

const DEPLOY = fileURLToPath(new URL('../../../deploy/', import.meta.url));
export const RULES = ['scopegate.rules.yml', 'alerts.rules.yml'].map((name) => path.join(DEPLOY, 'prometheus', name));
export const DASHBOARDS = ['operations.json', 'banking-kpis.json'].map((name) => path.join(DEPLOY, 'grafana', name));

/** What takes minutes and days in a bank takes seconds in a test: every window and every wait, in this order of length. */
const SHORTER = [['1m', '6s'], ['5m', '10s'], ['10m', '10s'], ['15m', '12s'], ['30m', '12s'], ['1h', '15s'], ['6h', '20s'], ['1d', '30s']];

/** The rules with short windows; they differ in nothing else. */
export async function hastened(file) {
  const text = await readFile(file, 'utf8');
  const shorter = (long) => Object.fromEntries(SHORTER)[long] ?? assertKnown(long);
  return text
    .replace(/\[(\d+[smhd])\]/g, (_, window) => `[${shorter(window)}]`)
    .replace(/offset (\d+[smhd])/g, (_, offset) => `offset ${shorter(offset)}`)
    .replace(/^( +)for: \S+$/gm, '$1for: 2s');
}

/** Runs promtool to its end: `{ code, text }`. */
export async function promtool(...args) {
  const started = Process.start('promtool', args);
  const { code, error } = await within(60_000, 'promtool to end', started.ended);
  if (error) throw error;
  return { code, text: started.stdout + started.stderr };
}

/** The queries of a dashboard, with its variables as Grafana fills them in where everything is chosen. */
export async function queries(file) {
  const { panels } = JSON.parse(await readFile(file, 'utf8'));
  return panels.flatMap(({ title, description = '', targets = [] }) =>
    targets.map(({ expr }) => ({
      title,
      mayBeEmpty: description.includes('Empty where') || / > 0$/.test(expr),
      expr: expr.replaceAll('$__rate_interval', '10s').replaceAll(/"\$(instance|service)"/g, '".*"'),
    })));
}

export class Prometheus {
  #process;

  constructor(folder, port, targetPort) {
    Object.assign(this, { folder, port, targetPort });
  }

  async start() {
    await mkdir(this.folder, { recursive: true });
    for (const file of RULES) await writeFile(path.join(this.folder, path.basename(file)), await hastened(file));
    const config = path.join(this.folder, 'prometheus.yml');
    await writeFile(config, `
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ["${this.folder}/*.rules.yml"]
scrape_configs:
  - job_name: scopegate
    static_configs: [{ targets: ["127.0.0.1:${this.targetPort}"] }]
`);
    this.#process = Process.start('prometheus', [
      `--config.file=${config}`, `--storage.tsdb.path=${this.folder}/data`, `--web.listen-address=127.0.0.1:${this.port}`, '--log.level=warn',
    ]);
    await until('Prometheus to be ready', async () => {
      this.#process.assertRunning();
      return fetch(`http://127.0.0.1:${this.port}/-/ready`).then(({ ok }) => ok, () => false);
    }, { within: 20_000 });
  }

  async stop() {
    await this.#process?.stop('SIGTERM', 20_000);
    this.#process = undefined;
  }

  /** The series that an expression gives now; a fault in it is an error. */
  async query(expr) {
    const answer = await fetch(`http://127.0.0.1:${this.port}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query: expr }) });
    const { status, data, error } = await answer.json();
    if (status !== 'success') throw new Error(`${expr}: ${error}`);
    return data.result;
  }

  /** The names of the alerts that fire now, in order. */
  async firing() {
    const series = await this.query('ALERTS{alertstate="firing"}');
    return [...new Set(series.map(({ metric }) => metric.alertname))].sort();
  }

  /** The names of all that fired at any time since then. */
  async fired(since) {
    const seconds = Math.max(1, Math.floor((Date.now() - since) / 1000));
    const series = await this.query(`max_over_time(ALERTS{alertstate="firing"}[${seconds}s])`);
    return [...new Set(series.map(({ metric }) => metric.alertname))].sort();
  }
}

function assertKnown(window) {
  throw new Error(`the rules have a window of ${window}, which is not known here`);
}
