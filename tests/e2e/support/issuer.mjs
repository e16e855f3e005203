// An authorization server that can be stopped, started again and given other keys; and the client that asks it for tokens.

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import * as jose from 'jose';
import * as oauth from 'oauth4webapi';

import { Process } from './processes.mjs';
import { within } from './wait.mjs';

export const AUDIENCE = 'https://api.bank.example';
const MODULE = fileURLToPath(new URL('issuer-process.mjs', import.meta.url));
const LOOPBACK = { [oauth.allowInsecureRequests]: true };
const REDIRECT_URI = 'http://127.0.0.1/callback';
const CLIENTS = [
  {
    client_id: 'tpp-machine',
    client_secret: 'machine-secret-for-tests-only',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: 'ES256',
  },
  {
    // Its tokens are bound to its certificate (RFC 8705 §3).
    client_id: 'tpp-certified',
    client_secret: 'machine-secret-for-tests-only',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: 'ES256',
    tls_client_certificate_bound_access_tokens: true,
  },
  {
    // The gateway itself, which asks about opaque tokens.
    client_id: 'gate',
    client_secret: 'gate-secret-for-tests-only',
    grant_types: [],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: 'ES256',
  },
  {
    client_id: 'tpp-web',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code'],
    redirect_uris: [REDIRECT_URI],
    response_types: ['code'],
    id_token_signed_response_alg: 'ES256',
  },
];

/** A signing key as a JWK with its private part. */
export async function signingKey(kid, alg = 'ES256') {
  const { privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  return { ...(await jose.exportJWK(privateKey)), kid, alg, use: 'sig' };
}

export class Issuer {
  #process;
  #server;

  constructor(port, keys) {
    this.port = port;
    this.keys = keys;
    /** `{ cert, key }`: then it is reached over TLS, and asks for certificates. */
    this.tls = undefined;
    /** `jwt` or `opaque`. */
    this.accessTokenFormat = 'jwt';
    /** Every token it issued: none may show in any output. */
    this.issued = [];
  }

  get url() {
    return `${this.tls ? 'https' : 'http'}://127.0.0.1:${this.port}`;
  }

  /** The first key signs; all of them stand in the JWK set. */
  async start(keys = this.keys) {
    this.keys = keys;
    const settings = { port: this.port, keys, audience: AUDIENCE, clients: CLIENTS, accessTokenSeconds: 600 };
    Object.assign(settings, { accessTokenFormat: this.accessTokenFormat, tls: this.tls });
    const started = Process.fork(MODULE, [JSON.stringify(settings)]);
    this.#process = started;
    const listening = once(started.child, 'message');
    const early = started.ended.then(() => started.assertRunning());
    await within(20_000, 'the issuer to listen', Promise.race([listening, early]));
  }

  async stop() {
    await this.#process?.stop();
    this.#process = undefined;
  }

  async restart(keys) {
    await this.stop();
    await this.start(keys);
  }

  /** Revokes a token of `clientCredentials` (RFC 7009). */
  async revoke(token) {
    const authorization = `Basic ${Buffer.from('tpp-machine:machine-secret-for-tests-only').toString('base64')}`;
    const body = new URLSearchParams({ token });
    const answer = await fetch(`${this.url}/token/revocation`, { method: 'POST', headers: { authorization }, body });
    if (answer.status !== 200) throw new Error(`revocation answered ${answer.status}`);
  }

  /** A client's own token. */
  async clientCredentials(scope) {
    const client = { client_id: 'tpp-machine' };
    const proof = oauth.ClientSecretBasic('machine-secret-for-tests-only');
    const asked = new URLSearchParams({ scope, resource: AUDIENCE });
    const server = await this.#discover();
    const response = await oauth.clientCredentialsGrantRequest(server, client, proof, asked, LOOPBACK);
    const { access_token } = await oauth.processClientCredentialsResponse(server, client, response);
    return this.#keep(access_token);
  }

  /** A customer's token and ID token: authorization code with PKCE, login and consent given in a browser's stead. */
  async authorizationCode(scope, customer) {
    const client = { client_id: 'tpp-web' };
    const server = await this.#discover();
    const verifier = oauth.generateRandomCodeVerifier();
    const state = oauth.generateRandomState();
    const nonce = oauth.generateRandomNonce();
    const asked = new URL(server.authorization_endpoint);
    asked.search = new URLSearchParams({
      client_id: client.client_id,
      redirect_uri: REDIRECT_URI,
      response_type: 'code',
      scope: `openid ${scope}`,
      resource: AUDIENCE,
      state,
      nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    const callback = await new Browser().loginAndConsent(asked, customer);
    const answer = oauth.validateAuthResponse(server, client, callback, state);
    const response = await oauth.authorizationCodeGrantRequest(
      server, client, oauth.None(), answer, REDIRECT_URI, verifier, LOOPBACK);
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, { expectedNonce: nonce });
    this.#keep(tokens.id_token);
    return { accessToken: this.#keep(tokens.access_token), idToken: tokens.id_token };
  }

  /** A token in every way right but for what the test makes wrong: a key that the issuer's JWK set does not hold, further claims. */
  async forge(key, scope, more = {}) {
    const claims = { client_id: 'tpp-machine', scope, jti: crypto.randomUUID(), ...more };
    const token = await new jose.SignJWT(claims)
      .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'at+jwt' })
      .setIssuer(this.url)
      .setSubject('tpp-machine')
      .setAudience(AUDIENCE)
      .setIssuedAt()
      .setExpirationTime('10m')
      .sign(await jose.importJWK(key, key.alg));
    return this.#keep(token);
  }

  /** Puts a token that a test made among those that no output may show. */
  #keep(token) {
    this.issued.push(token);
    return token;
  }

  async #discover() {
    const url = new URL(this.url);
    this.#server ??= await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, LOOPBACK));
    return this.#server;
  }
}

/** As much of a browser as login and consent need: redirects and cookies. */
class Browser {
  #cookies = new Map();

  async loginAndConsent(url, customer) {
    let page = await this.#visit(url);
    for (let forms = 0; forms < 4 && !page.callback; forms += 1) {
      const form = page.html.includes('value="login"') ? { prompt: 'login', login: customer, password: 'any' } : { prompt: 'consent' };
      page = await this.#visit(page.url, new URLSearchParams(form));
    }
    if (!page.callback) throw new Error(`no way through login and consent:\n${page.html}`);
    return page.callback;
  }

  /** Follows redirects to the next page, or to the client's callback. */
  async #visit(url, form) {
    for (let hops = 0; hops < 10; hops += 1) {
      const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(url, { method: form ? 'POST' : 'GET', body: form, headers: { cookie }, redirect: 'manual' });
      for (const line of response.headers.getSetCookie()) this.#store(line);
      const location = response.headers.get('location');
      if (!location) return { url, html: await response.text() };
      url = new URL(location, url);
      form = undefined;
      if (url.href.startsWith(REDIRECT_URI)) return { callback: url };
    }
    throw new Error(`too many redirects, the last to ${url.pathname}`);
  }

  #store(line) {
    const [pair, ...attributes] = line.split('; ');
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    const gone = value === '' || attributes.some((one) => /^expires=Thu, 01 Jan 1970/i.test(one));
    if (gone) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}
