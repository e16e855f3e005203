// A balancer that others wrote in front of the gateway: HAProxy.

import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';

import { Process } from './processes.mjs';
import { until } from './wait.mjs';

const PROGRAM = process.env.SCOPEGATE_HAPROXY ?? 'haproxy';
// Distributions keep it where only root looks.
const ENVIRONMENT = { ...process.env, PATH: `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin` };

export class Haproxy {
  #process;

  /** Each of `fronts` is `{ port, mode, terms, server }`: what it listens on, how it passes on, and to whom. */
  constructor(folder, fronts) {
    Object.assign(this, { folder, fronts });
  }

  async start() {
    const file = path.join(this.folder, 'haproxy.cfg');
    await writeFile(file, this.#configuration());
    this.#process = Process.start(PROGRAM, ['-db', '-f', file], { env: ENVIRONMENT });
    for (const { port } of this.fronts) {
      await until('haproxy to listen', () => {
        this.#process.assertRunning();
        return listens(port);
      });
    }
  }

  async stop() {
    await this.#process?.stop('SIGUSR1');
    this.#process = undefined;
  }

  #configuration() {
    const listen = ({ port, mode, terms = [], server }, at) => [
      `listen front${at}`, `mode ${mode}`, `bind 127.0.0.1:${port}`, ...terms, `server gateway ${server}`,
    ].join('\n  ');
    return `
global
  maxconn 256
  hard-stop-after 1s
defaults
  timeout connect 5s
  timeout client 20s
  timeout server 20s
${this.fronts.map(listen).join('\n')}
`;
  }
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => socket.destroy() && resolve(true));
    socket.on('error', () => resolve(false));
  });
}
