// Three upstreams that others wrote, each with a log of the requests that it read to their end.

import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { request } from './client.mjs';
import { freePorts } from './ports.mjs';
import { Process } from './processes.mjs';
import { until } from './wait.mjs';

const FOLDER = fileURLToPath(new URL('origins/', import.meta.url));
const NGINX = process.env.SCOPEGATE_NGINX ?? 'nginx';
// Distributions keep it where only root looks.
const ENVIRONMENT = { ...process.env, PATH: `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin` };

export class Origin {
  #process;
  #read = 0;

  constructor(name, port, log, running) {
    Object.assign(this, { name, port, log });
    this.#process = running;
  }

  /** nginx, Node's server and Python's, all of them answering. */
  static async all(folder, python) {
    const [nginx, back, node, py] = await freePorts(4);
    const file = (name) => path.join(folder, `${name}.log`);
    const configuration = (await readFile(path.join(FOLDER, 'nginx.conf'), 'utf8'))
      .replaceAll('FOLDER', folder).replaceAll('PORT', nginx).replaceAll('BACK', back);
    await writeFile(path.join(folder, 'nginx.conf'), configuration);
    const start = (name, port, command, args) => new Origin(name, port, file(name), Process.start(command, args, { env: ENVIRONMENT }));
    const origins = [
      start('nginx', nginx, NGINX, ['-p', folder, '-c', path.join(folder, 'nginx.conf'), '-e', path.join(folder, 'nginx-error.log')]),
      start('node', node, process.execPath, [path.join(FOLDER, 'node.mjs'), node, file('node')]),
      start('python', py, python, [path.join(FOLDER, 'python.py'), py, file('python')]),
    ];
    await Promise.all(origins.map((origin) => origin.#answers()));
    return origins;
  }

  /** Node's server alone. */
  static async node(folder, port) {
    const log = path.join(folder, 'node.log');
    const origin = new Origin('node', port, log, Process.start(process.execPath, [path.join(FOLDER, 'node.mjs'), port, log]));
    await origin.#answers();
    return origin;
  }

  /** What it logged since the last call, once `target` is among it: `{ method, target, body, status }` each. */
  async take(target) {
    return until(`${this.name} to log ${target}`, async () => {
      const text = await readFile(this.log, 'utf8').catch(() => '');
      const fresh = text.slice(this.#read, text.lastIndexOf('\n') + 1);
      if (!fresh.includes(target)) return undefined;
      this.#read += fresh.length;
      return fresh.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    }, { every: 2 });
  }

  signal(name) {
    this.#process.signal(name);
  }

  stop() {
    return this.#process.stop('SIGTERM');
  }

  #answers() {
    return until(`${this.name} to answer`, () => {
      this.#process.assertRunning();
      return request({ port: this.port, path: '/up' }).then(({ status }) => status === 200, () => false);
    });
  }
}
