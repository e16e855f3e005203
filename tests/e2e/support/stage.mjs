// A gateway with keys of our own and no issuer process: for tests that are about messages and faults, not about tokens.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { AUDIENCE, ISSUER, Jws, Key } from './corpus/draft.mjs';
import { Gateway } from './gateway.mjs';
import { freePorts } from './ports.mjs';

const key = new Key('EdDSA', 'first');

export class Stage extends Gateway {
  /** In front of `upstreamPort`, not started. `limits` and `server` are lines of YAML in flow style. */
  static async before(upstreamPort, { routes, limits = '', server = 'workers: 1', log = 'access.log', upstream = '' }) {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'scopegate-e2e-'));
    const [port, adminPort] = await freePorts(2);
    await writeFile(path.join(folder, 'jwks.json'), JSON.stringify({ keys: [key.jwk] }));
    const stage = new this(folder, { port, adminPort, issuer: { url: ISSUER }, upstreamPort });
    return Object.assign(stage, { routes, limits, server, upstream, accessLog: path.resolve(folder, log) });
  }

  configuration() {
    return super.configuration(this.routes)
      .replace('workers: 2', this.server)
      .replace(/algorithms: .*/, 'algorithms: [EdDSA]')
      .replace(/jwks: .*/, 'jwks: { file: jwks.json }')
      .replace(/(servers: \[.*\])/, `$1${this.upstream && `, ${this.upstream}`}`) + (this.limits && `limits: { ${this.limits} }\n`);
  }

  /** A good token, good for an hour. */
  token(scope, more = {}) {
    return mint(scope, more);
  }

  async remove() {
    try {
      await this.stop();
    } finally {
      await rm(this.folder, { recursive: true, force: true });
    }
  }
}

/** A token of the one issuer that a `Stage` knows. */
export function mint(scope, more = {}) {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: ISSUER, sub: 'customer-1', aud: AUDIENCE, client_id: 'tpp-1', jti: crypto.randomUUID(), iat: now, exp: now + 3600, scope, ...more,
  };
  return new Jws(key, { alg: 'EdDSA', typ: 'at+jwt', kid: key.kid }, claims).mint();
}
