// The gateway under test: the real binary with a configuration file in a folder of its own.

import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { request } from './client.mjs';
import { AUDIENCE } from './issuer.mjs';
import { Process } from './processes.mjs';
import { until } from './wait.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
export const PROGRAM = path.resolve(ROOT, process.env.SCOPEGATE_BIN ?? 'target/debug/scopegate');

/** The time between two fetches of the issuer's keys in these tests. */
export const KEYS_REFRESH_MS = 2_000;

const ROUTES = `
  - { path: /accounts, methods: [GET, HEAD], scopes: [accounts], upstream: api }
  - { path: "/accounts/{*rest}", methods: [GET, HEAD], scopes: [accounts], upstream: api }
  - { path: /payments, methods: [POST], scopes: [payments], upstream: api }`;

export class Gateway {
  #process;

  constructor(folder, { port, adminPort, issuer, upstreamPort }) {
    Object.assign(this, { folder, port, adminPort, issuer, upstreamPort });
    this.file = path.join(folder, 'scopegate.yaml');
    this.accessLog = path.join(folder, 'access.log');
    /** Everything that it printed in runs that are over. */
    this.printed = '';
    /** What starts it, where that is not we: a program and its arguments. */
    this.starter = [];
  }

  /** A complete configuration; tests change the text where they need another. */
  configuration(routes = ROUTES) {
    return `
server: { listen: "127.0.0.1:${this.port}", workers: 2 }
admin: { listen: "127.0.0.1:${this.adminPort}" }
access_log: { path: "${this.accessLog}" }
issuers:
  - name: op
    issuer: "${this.issuer.url}"
    audiences: ["${AUDIENCE}"]
    algorithms: [ES256]
    jwks: { uri: "${this.issuer.url}/jwks", refresh: ${KEYS_REFRESH_MS / 1000}s, refetch: 10s }
upstreams:
  - { name: api, servers: ["http://127.0.0.1:${this.upstreamPort}"] }
routes:${routes}
`;
  }

  configure(text) {
    return writeFile(this.file, text);
  }

  /** Starts it, and returns when it is ready, or already when it is only live. */
  async start({ until: state = 'readyz' } = {}) {
    await this.configure(this.configuration());
    const [program, ...args] = [...this.starter, PROGRAM, 'serve', '--config', this.file];
    this.#process = Process.start(program, args, { cwd: this.folder });
    await this.becomes(state, 200);
  }

  becomes(state, status, bound = 15_000) {
    return until(`/${state} to answer ${status}`, async () => {
      this.#process.assertRunning();
      return this.admin(`/${state}`).then((answer) => answer.status === status, () => false);
    }, { within: bound });
  }

  /** A request of a third party. */
  request(options) {
    return request({ port: this.port, ...options });
  }

  admin(target) {
    return request({ port: this.adminPort, path: target });
  }

  /** What the kernel says that it has in memory, in bytes; or had at most, or may touch: `VmHWM`, `VmSize`. */
  async memory(what = 'VmRSS') {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    return Number(new RegExp(`^${what}:\\s+(\\d+) kB$`, 'm').exec(status)[1]) * 1024;
  }

  get pid() {
    return this.#process.child.pid;
  }

  /** A line of the metrics page as a number; 0 where there is none. */
  async metric(line) {
    const { text } = await this.admin('/metrics');
    const found = text.split('\n').find((one) => one.startsWith(`${line} `));
    return found ? Number(found.slice(line.length + 1)) : 0;
  }

  signal(name) {
    this.#process.signal(name);
  }

  get stderr() {
    return this.#process.stderr;
  }

  /** How it ended: `{ code, signal }`. */
  async stop(signal = 'SIGTERM', bound = 40_000) {
    if (!this.#process) return undefined;
    const ending = this.#process;
    this.#process = undefined;
    try {
      return await ending.stop(signal, bound);
    } finally {
      this.printed += ending.stdout + ending.stderr;
    }
  }

  /** Everything it has said of itself so far, by where it said it. */
  async outputs() {
    const live = this.#process;
    return {
      'standard output and error': this.printed + (live ? live.stdout + live.stderr : ''),
      'access log': await readFile(this.accessLog, 'utf8').catch(() => ''),
      metrics: live ? (await this.admin('/metrics')).text : '',
    };
  }
}
