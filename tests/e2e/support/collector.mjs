// A collector of traces in Python, which reads them by OpenTelemetry's own classes.

import { fileURLToPath } from 'node:url';
import path from 'node:path';

import { request } from './client.mjs';
import { freePorts } from './ports.mjs';
import { Process } from './processes.mjs';
import { PROGRAMS } from './python.mjs';
import { until } from './wait.mjs';

export class Collector {
  #process;

  static async start() {
    const collector = new Collector();
    [collector.port] = await freePorts(1);
    await collector.start();
    return collector;
  }

  get address() {
    return `http://127.0.0.1:${this.port}/v1/traces`;
  }

  /** Starts it where it was. What it had is forgotten. */
  async start() {
    const script = fileURLToPath(new URL('python/collector.py', import.meta.url));
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONUNBUFFERED: '1' };
    this.#process = Process.start(path.join(PROGRAMS, 'python'), [script, String(this.port)], { env });
    await until('the collector', async () => {
      this.#process.assertRunning();
      return this.spans().then(() => true, () => false);
    });
  }

  async spans() {
    return JSON.parse((await request({ port: this.port, path: '/spans' })).text);
  }

  /** Makes it slow, or refuse: `{ delay_ms, status }`. */
  behave(mode) {
    return request({ port: this.port, method: 'POST', path: '/mode', body: JSON.stringify(mode) });
  }

  /** What its classes complained of. */
  get complaints() {
    return this.#process.stderr;
  }

  async stop() {
    await this.#process?.stop('SIGKILL');
  }
}
