// A third party whose tokens are bound to it: oidc-provider over TLS binds them, oauth4webapi makes the proofs.

import * as jose from 'jose';
import * as oauth from 'oauth4webapi';

import { fetchWith } from './fetch.mjs';
import { AUDIENCE } from './issuer.mjs';

const SECRET = 'machine-secret-for-tests-only';

export class ThirdParty {
  #server;

  /** `ca` is what it trusts, `certificate` what it shows of itself. */
  constructor(issuer, { ca, certificate = {} }) {
    this.issuer = issuer;
    this.ca = ca;
    this.certificate = certificate;
  }

  /** A key pair for proofs. */
  static keys(algorithm = 'ES256') {
    return oauth.generateKeyPair(algorithm);
  }

  /** Its own token: a JWT, or opaque; bound to the key if there is one, else to its certificate. */
  async token(format, keys) {
    const client = { client_id: keys ? 'tpp-machine' : 'tpp-certified' };
    const more = { [oauth.customFetch]: this.fetch, ...(keys && { DPoP: oauth.DPoP(client, keys) }) };
    const server = await this.#discover();
    const asked = new URLSearchParams({ scope: 'accounts', resource: format === 'jwt' ? AUDIENCE : `${AUDIENCE}/opaque` });
    const response = await oauth.clientCredentialsGrantRequest(server, client, oauth.ClientSecretBasic(SECRET), asked, more);
    const answer = await oauth.processClientCredentialsResponse(server, client, response);
    if (answer.token_type !== (keys ? 'dpop' : 'bearer')) throw new Error(`a ${answer.token_type} token`);
    this.issuer.issued.push(answer.access_token);
    return answer.access_token;
  }

  /** `fetch` as itself. */
  get fetch() {
    return fetchWith({ ca: this.ca, ...this.certificate });
  }

  /** A proof made by hand, so that it can be spoilt: `change` gets header and claims. */
  static async proof(keys, { token, method = 'GET', url }, change = () => {}) {
    const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: await jose.exportJWK(keys.publicKey) };
    const ath = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(token))).toString('base64url');
    const claims = { jti: crypto.randomUUID(), htm: method, htu: url, iat: Math.floor(Date.now() / 1000), ath };
    change(header, claims);
    const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
    const signed = `${encode(header)}.${encode(claims)}`;
    const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, keys.privateKey, Buffer.from(signed));
    return `${signed}.${Buffer.from(signature).toString('base64url')}`;
  }

  async #discover() {
    const url = new URL(this.issuer.url);
    this.#server ??= await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { [oauth.customFetch]: this.fetch }));
    return this.#server;
  }
}
