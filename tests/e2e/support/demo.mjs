// The gateway of deploy/compose.yaml, its two upstreams and its store without an engine: the same files, on ports of this
// machine. Who imports this needs nginx and Valkey or Redis.

import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { request } from './client.mjs';
import { PROGRAM } from './gateway.mjs';
import { freePorts } from './ports.mjs';
import { Process, which } from './processes.mjs';
import { until, within } from './wait.mjs';

const FILES = fileURLToPath(new URL('../../../deploy/compose', import.meta.url));

export class Demo {
  #running = [];

  /** A copy of the files, with what `demo.sh prepare` makes. */
  static async prepare() {
    const demo = new Demo();
    demo.root = await mkdtemp(path.join(os.tmpdir(), 'scopegate-demo-'));
    demo.folder = path.join(demo.root, 'compose');
    await cp(FILES, demo.folder, { recursive: true, filter: (file) => path.basename(file) !== 'run' });
    await demo.script('prepare');
    demo.configuration = path.join(demo.folder, 'scopegate.yaml');
    return demo;
  }

  /** Runs demo.sh to its end: what it printed. */
  script(...args) {
    return finished(path.join(this.folder, 'demo.sh'), args, { env: { ...process.env, SCOPEGATE_URL: this.url ?? '' } });
  }

  /** Runs the gateway's program to its end: what it printed. */
  scopegate(...args) {
    return finished(PROGRAM, args, {});
  }

  /** What differs on this machine: addresses, and the folder that is a volume there. */
  async move(file = this.configuration) {
    const [gateway, admin, accounts, payments, store] = await freePorts(5);
    Object.assign(this, { store, url: `https://localhost:${gateway}`, adminUrl: `https://localhost:${admin}`, ports: { accounts, payments } });
    const text = (await readFile(file, 'utf8'))
      .replace('0.0.0.0:8443', `127.0.0.1:${gateway}`).replace('0.0.0.0:9090', `127.0.0.1:${admin}`)
      .replace('accounts:8080', `127.0.0.1:${accounts}`).replace('payments:8080', `127.0.0.1:${payments}`)
      .replace('valkey:6379', `127.0.0.1:${store}`)
      .replaceAll('/var/lib/scopegate', this.root);
    await writeFile(file, text);
  }

  async start() {
    await this.move();
    for (const [name, port] of Object.entries(this.ports)) await this.#nginx(name, port);
    const args = ['--port', `${this.store}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction'];
    this.#running.push(Process.start(await which(['valkey-server', 'redis-server']), args, { cwd: this.root }));
    const gateway = Process.start(PROGRAM, ['serve', '--config', this.configuration]);
    this.#running.push(gateway);
    await until('the demo gateway to be ready', async () => {
      gateway.assertRunning();
      return this.scopegate('probe', '--url', `${this.adminUrl}/readyz`, '--ca-file', path.join(this.folder, 'run/authority.pem')).catch(() => false);
    });
  }

  async #nginx(name, port) {
    const folder = path.join(this.root, name);
    await cp(this.folder, folder, { recursive: true });
    const server = (await readFile(path.join(folder, 'upstream.conf'), 'utf8')).replace('listen 8080', `listen 127.0.0.1:${port}`).replace('/dev/stdout', path.join(folder, 'access.log'));
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder};`).join(' ');
    const file = path.join(folder, 'nginx.conf');
    await writeFile(file, `daemon off; master_process off; pid ${folder}/pid; events {} http { ${temporary} ${server} }`);
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin` };
    const nginx = Process.start('nginx', ['-p', folder, '-c', file, '-e', `${folder}/error.log`], { env });
    this.#running.push(nginx);
    await until(`the demo upstream ${name} to answer`, () => {
      nginx.assertRunning();
      return request({ port, path: '/healthz' }).then(({ status }) => status === 200, () => false);
    });
  }

  async stop() {
    for (const each of this.#running.reverse()) await each.stop('SIGTERM', 40_000);
    await rm(this.root, { recursive: true, force: true });
  }
}

async function finished(program, args, options) {
  const started = Process.start(program, args, options);
  const { code, error } = await within(60_000, `${program} ${args[0]} to end`, started.ended);
  if (error) throw error;
  if (code !== 0) throw new Error(`${path.basename(program)} ${args.join(' ')} ended with ${code}:\n${started.stdout}${started.stderr}`);
  return started.stdout;
}
