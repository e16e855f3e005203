// A PostgreSQL server for one test file, and databases in it. Who imports this needs the programs of one.

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { Process } from './processes.mjs';
import { until, within } from './wait.mjs';

const SCRIPT = fileURLToPath(new URL('../../postgres.sh', import.meta.url));
// The server lives as long as the other end of the pipe, so it cannot outlive us.
const HOLD = 'echo "$SCOPEGATE_TEST_POSTGRES"; exec cat';

export class PostgreSql {
  #process;

  static async start() {
    const server = new PostgreSql();
    server.#process = Process.start(SCRIPT, ['sh', '-c', HOLD], { stdio: ['pipe', 'pipe', 'pipe'] });
    await until('PostgreSQL to start', () => {
      server.#process.assertRunning();
      return server.#process.stdout.includes('\n');
    }, { within: 60_000 });
    /** The URL of a database that is there from the start. */
    server.url = server.#process.stdout.trim();
    return server;
  }

  /** Makes an empty database and returns its URL. */
  async create(name) {
    await this.query(`CREATE DATABASE ${name}`);
    return Object.assign(new URL(this.url), { pathname: `/${name}` }).href;
  }

  /** The rows that SQL gives, as lists of texts. */
  async query(sql, url = this.url) {
    const psql = Process.start('psql', ['--no-psqlrc', '--csv', '--tuples-only', '--set=ON_ERROR_STOP=1', '--command', sql, url]);
    const { code } = await within(30_000, sql, psql.ended);
    if (code !== 0) throw new Error(`psql ended with ${code}: ${psql.stderr}`);
    return psql.stdout.split('\n').filter(Boolean).map((line) => line.split(','));
  }

  async stop() {
    const { child, ended } = this.#process;
    if (!child.stdin.destroyed) {
      child.stdin.end();
      await once(child.stdin, 'close');
    }
    await within(20_000, 'PostgreSQL to stop', ended);
  }
}
