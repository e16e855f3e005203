// The sandbox as anybody starts it: the real binary, and its addresses off what it prints.

import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { PROGRAM } from './gateway.mjs';
import { Process } from './processes.mjs';
import { until } from './wait.mjs';

/** What it says behind each address and each file that it names. */
const ADDRESSES = { portal: /^developer portal/, gateway: /^the gateway, in front/, admin: /admin listener/ };
const FILES = { files: /^the gateway's configuration/, authority: /^trust it/, certificate: /^a client's certificate/ };

export class Sandbox {
  #process;
  #folder;

  /**
   * Running, with `portal`, `gateway` and `admin` as origins, and with TLS `authority` and `certificate` as files.
   * `data` is a folder that outlives it, `database` a PostgreSQL URL; without them it keeps all in memory. Who starts it a
   * second time on the same data gives the addresses of the first: they are its issuer's name.
   */
  static async start({ data, database, tls = false, listen = '127.0.0.1:0', portal = '127.0.0.1:0', more = [] } = {}) {
    const sandbox = new Sandbox();
    const args = ['sandbox', '--listen', listen, '--portal', portal, ...more];
    if (data) args.push('--data', data);
    if (database) args.push('--database', database);
    if (tls) args.push('--tls');
    sandbox.#folder = await mkdtemp(path.join(os.tmpdir(), 'scopegate-sandbox-'));
    sandbox.#process = Process.start(PROGRAM, args, { cwd: sandbox.#folder });
    try {
      await until('the sandbox to invite us', () => {
        sandbox.#process.assertRunning();
        return /^Now yours:.*\n/m.test(sandbox.printed);
      }, { within: 60_000 });
      Object.assign(sandbox, named(sandbox.printed));
      for (const name of Object.keys(ADDRESSES)) if (!sandbox[name]) throw new Error(`it did not say where ${name} is:\n${sandbox.printed}`);
    } catch (failure) {
      await sandbox.kill();
      throw failure;
    }
    return sandbox;
  }

  /** Everything that it said so far. */
  get printed() {
    return this.#process.stdout + this.#process.stderr;
  }

  /** Ends it as Ctrl-C does: `{ code, signal }`. */
  stop() {
    return this.#end('SIGTERM');
  }

  /** Ends it without a word to it, as a loss of power does. */
  kill() {
    return this.#end('SIGKILL');
  }

  async #end(signal) {
    try {
      return await this.#process.stop(signal, 40_000);
    } finally {
      await rm(this.#folder, { recursive: true, force: true });
    }
  }
}

/** What the text names, by the words behind it. */
function named(text) {
  const found = {};
  for (const [, what, words] of text.matchAll(/^ {2}(\S+) {3}(\S.*)$/gm)) {
    for (const [name, said] of Object.entries({ ...ADDRESSES, ...FILES })) if (said.test(words)) found[name] = what;
  }
  return found;
}
