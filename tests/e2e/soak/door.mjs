// A gateway of the soak, in the clear or over TLS: two good configurations that take turns, and a bad one that must change
// nothing. Which one is in force shows in a route of its own.

import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { selfSigned } from '../support/certificate.mjs';
import { ISSUER } from '../support/corpus/draft.mjs';
import { Stage } from '../support/stage.mjs';
import { AUDIENCE } from '../support/issuer.mjs';
import { until } from '../support/wait.mjs';
import { HOST, Http1 } from './clients.mjs';

const MIB = 1024 * 1024;
/** By so much the last fifth may lie above the second: what an allocator keeps is no leak as long as it does not go on. */
const GROWTH = 1.1;
const GROWTH_MIB = 4;
/** Many of the tokens are new ones: what is remembered of them is at its bound after the first minutes. */
const VERDICTS = 5000;
/** What differs between the two: weights, times, and in TLS the certificate. */
const VARIANTS = {
  a: { weight: 1, responseTimeout: '20s' },
  b: { weight: 3, responseTimeout: '25s' },
};

export class Door extends Stage {
  /** Not started. `name` is `plain` or `tls`. */
  static async make(name, upstreamPorts) {
    const door = await Door.before(upstreamPorts[0], { routes: '', log: '/dev/null' });
    Object.assign(door, { name, upstreamPorts, variant: 'a', isBroken: false, samples: [] });
    if (name === 'tls') {
      door.ca = [];
      for (const variant of Object.keys(VARIANTS)) {
        const { cert, key } = selfSigned(`gateway ${variant}`, [HOST]);
        await writeFile(path.join(door.folder, `${variant}.pem`), cert);
        await writeFile(path.join(door.folder, `${variant}.key`), key);
        door.ca.push(cert);
      }
    }
    return door;
  }

  configuration() {
    const { weight, responseTimeout } = VARIANTS[this.variant];
    const [one, other] = this.upstreamPorts.map((port) => `http://127.0.0.1:${port}`);
    const tls = this.ca ? `, tls: { certificate: ${this.variant}.pem, key: ${this.variant}.key }` : '';
    return `
server: { listen: "127.0.0.1:${this.port}", workers: 2${tls} }
admin: { listen: "127.0.0.1:${this.adminPort}" }
access_log: { path: "${this.accessLog}" }
limits: { head_timeout: 5s, stall_timeout: 5s, verdicts: ${VERDICTS} }
issuers:
  - { name: op, issuer: "${ISSUER}", audiences: ["${AUDIENCE}"], algorithms: [EdDSA], jwks: { file: jwks.json } }
upstreams:
  - name: api
    servers: ["${one}", { address: "${other}", weight: ${weight} }]
    health: { path: /healthz, interval: 1s, timeout: 5s, healthy: 1, unhealthy: 3, status: 200 }
    eject: { failures: 5, pause: 1s, slow_start: 3s }
    connect_timeout: 5s
    response_timeout: ${responseTimeout}
routes:
  - { path: "/accounts/{*rest}", methods: [GET], scopes: [accounts], upstream: api }
  - { path: /accounts, methods: [GET, HEAD], scopes: [accounts], upstream: api }
  - { path: /payments, methods: [POST], scopes: [payments], upstream: ${this.isBroken ? 'nowhere' : 'api'} }
  - { path: "/admin/{*rest}", methods: [GET], scopes: [admin], upstream: api }
  - { path: /in-force/${this.variant}, methods: [GET], scopes: [nobody-has-it], upstream: api }
`;
  }

  /** Brings the other configuration into force, or shows that a bad one does not come into it. */
  async reload({ broken = false } = {}) {
    const [before, other] = [this.variant, this.variant === 'a' ? 'b' : 'a'];
    this.variant = other;
    this.isBroken = broken;
    await this.configure(this.configuration());
    this.isBroken = false;
    const [wanted, unwanted] = broken ? [before, other] : [other, before];
    this.variant = wanted;
    this.signal('SIGHUP');
    await until(`${this.name} to ${broken ? 'refuse a bad file' : 'reload'}`, async () =>
      (await this.metric('scopegate_config_last_reload_failed')) === (broken ? 1 : 0) && (await this.isInForce(wanted)));
    if (await this.isInForce(unwanted)) throw new Error(`${this.name}: both configurations at once`);
  }

  /** A route that is there wants a token. */
  async isInForce(variant) {
    const client = new Http1(this);
    const { status } = await client.ask({ method: 'GET', target: `/in-force/${variant}`, headers: {} });
    client.leave();
    return status === 401;
  }

  /** Remembers what it has in memory now. */
  async sample() {
    this.samples.push(await this.memory());
  }

  /** `{ start, mean, end, second, last, isFlat }` in MiB: whether its last fifth is no higher than its second. */
  get growth() {
    const fifth = Math.max(1, Math.floor(this.samples.length / 5));
    const mean = (of) => of.reduce((sum, one) => sum + one, 0) / of.length / MIB;
    const [second, last] = [mean(this.samples.slice(fifth, 2 * fifth)), mean(this.samples.slice(-fifth))];
    return { start: this.samples[0] / MIB, mean: mean(this.samples), end: this.samples.at(-1) / MIB, second, last, isFlat: last <= second * GROWTH + GROWTH_MIB };
  }
}
