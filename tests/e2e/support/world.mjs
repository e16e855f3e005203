// One world per test file: an issuer, nginx and a gateway between them, in a folder that vanishes with it.

import { mkdtemp, mkdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { Gateway } from './gateway.mjs';
import { Issuer, signingKey } from './issuer.mjs';
import { Nginx } from './nginx.mjs';
import { freePorts } from './ports.mjs';

export class World {
  /** All parts, none of them started. */
  static async create() {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'scopegate-e2e-'));
    const [port, adminPort, issuerPort, nginxPort, bodyPort] = await freePorts(5);
    const issuer = new Issuer(issuerPort, [await signingKey('first')]);
    const upstream = new Nginx(path.join(folder, 'nginx'), nginxPort, bodyPort);
    const gateway = new Gateway(folder, { port, adminPort, issuer, upstreamPort: nginxPort });
    await mkdir(upstream.folder);
    return Object.assign(new World(), { folder, issuer, upstream, gateway });
  }

  /** All parts, running. */
  static async start() {
    const world = await World.create();
    try {
      await Promise.all([world.issuer.start(), world.upstream.start()]);
      await world.gateway.start();
    } catch (failure) {
      await world.stop();
      throw failure;
    }
    return world;
  }

  async stop() {
    try {
      for (const part of [this.gateway, this.upstream, this.issuer]) await part.stop();
    } finally {
      await rm(this.folder, { recursive: true, force: true });
    }
  }

  /**
   * Where a token shows that must not show, as sentences. The signature and the claims are looked for apart, and by
   * their beginnings: a part of a token in a log is a token in a log.
   */
  async leaks(answers = []) {
    const outputs = await this.gateway.outputs();
    answers.forEach(({ status, text, headers }, at) => (outputs[`answer ${at} (${status})`] = text + JSON.stringify(headers)));
    outputs['what nginx was sent'] = await readFile(path.join(this.upstream.folder, 'requests.log'), 'utf8').catch(() => '');
    const parts = new Set(this.issuer.issued.flatMap((token) => token.split('.').slice(1)));
    return [...parts].flatMap((part) =>
      Object.entries(outputs)
        .filter(([, text]) => text.includes(part.slice(0, 40)) || text.includes(part.slice(-40)))
        .map(([place]) => `a token shows in: ${place}`));
  }
}
