// A request in the making: an access token, perhaps a DPoP proof, and the fields that bring them. Good by default, spoilt
// in one place by each class of the corpus.

import * as crypto from 'node:crypto';

export const ISSUER = 'https://auth.bank.example';
export const AUDIENCE = 'https://api.bank.example';
export const ORIGIN = 'https://api.bank.example';
/** Clock difference that both sides forgive, in seconds. */
export const LEEWAY = 10;
/** How old both let a proof be, in seconds: what the library has built in. */
export const PROOF_AGE = 300;
/** The first second from which the gateway takes proofs without a nonce of its own: it knows what was used since. */
export const start = { second: 0 };

/** The same numbers every time. */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed;
  }

  /** mulberry32: enough for choosing what to break. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  below(count) {
    return this.next() % count;
  }

  pick(values) {
    return values[this.below(values.length)];
  }

  chance(one, of) {
    return this.below(of) < one;
  }
}

/** A key pair with the algorithm that it signs by. */
export class Key {
  constructor(algorithm, kid) {
    const kinds = { ES256: ['ec', { namedCurve: 'P-256' }], EdDSA: ['ed25519', {}] };
    const [kind, settings] = kinds[algorithm] ?? ['rsa', { modulusLength: 2048 }];
    const { privateKey, publicKey } = crypto.generateKeyPairSync(kind, settings);
    Object.assign(this, { algorithm, kid, privateKey, publicKey, bare: publicKey.export({ format: 'jwk' }) });
  }

  /** As it stands in the issuer's set. */
  get jwk() {
    return { ...this.bare, kid: this.kid, alg: this.algorithm, use: 'sig' };
  }

  /** RFC 7638. */
  get thumbprint() {
    const { crv, e, kty, n, x, y } = this.bare;
    const members = { RSA: { e, kty, n }, EC: { crv, kty, x, y }, OKP: { crv, kty, x } }[kty];
    return sha256(JSON.stringify(members));
  }

  sign(text, algorithm = this.algorithm) {
    const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING } = crypto.constants;
    const padding = algorithm.startsWith('PS') ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
    const key = this.bare.kty === 'RSA' ? { key: this.privateKey, padding, saltLength: 32 } : this.privateKey;
    if (this.bare.kty === 'EC') return crypto.sign('sha256', text, { key: this.privateKey, dsaEncoding: 'ieee-p1363' });
    return crypto.sign(this.bare.kty === 'OKP' ? null : 'sha256', text, key);
  }
}

export const base64url = (octets) => Buffer.from(octets).toString('base64url');
export const sha256 = (text) => crypto.createHash('sha256').update(text).digest('base64url');

/** One JWS: header, payload, key, and what is done to their texts. */
export class Jws {
  constructor(key, header, claims) {
    Object.assign(this, { key, header, claims });
    this.sign = (text) => this.key.sign(text);
    const same = (text) => text;
    Object.assign(this, { headerText: same, claimsText: same, twist: same });
  }

  mint() {
    const [header, claims] = [this.headerText(JSON.stringify(this.header)), this.claimsText(JSON.stringify(this.claims))];
    const signed = `${base64url(header)}.${base64url(claims)}`;
    return this.twist(`${signed}.${base64url(this.sign(signed))}`);
  }
}

/** With a member twice: this value first, the good one behind it, where many readers take the last. */
export const twice = (name, value) => (json) => `{${JSON.stringify(name)}:${JSON.stringify(value)},${json.slice(1)}`;
/** With this JSON for a member's value, where no object of ours could hold it. */
export const raw = (name, text) => (json) => JSON.stringify({ ...JSON.parse(json), [name]: '\u0001' }).replace('"\\u0001"', text);

/** The parties of one run. Their keys are made anew each time; everything else is chosen by the seed. */
export class Parties {
  /** The issuer's, by algorithm. */
  keys = Object.fromEntries(['RS256', 'PS256', 'ES256', 'EdDSA'].map((name) => [name, new Key(name, name.toLowerCase())]));
  /** A second one of a kind, under an id of its own. */
  second = new Key('ES256', 'es256-2');
  /** In the set, but not for signatures. */
  encrypting = new Key('ES256', 'enc');
  /** Nobody has heard of it. */
  stranger = Object.fromEntries(['RS256', 'PS256', 'ES256', 'EdDSA'].map((name) => [name, new Key(name, name.toLowerCase())]));
  /** The clients', by algorithm. */
  clients = Object.fromEntries(['RS256', 'PS256', 'ES256', 'EdDSA'].map((name) => [name, new Key(name)]));

  get set() {
    const signing = [...Object.values(this.keys), this.second].map((key) => key.jwk);
    return { keys: [...signing, { ...this.encrypting.jwk, use: 'enc' }] };
  }
}

/** A request that both must accept, in one of many forms. */
export class Draft {
  static #next = 0;

  constructor(parties, random, now, { bound, algorithm, proofAlgorithm } = {}) {
    Object.assign(this, { parties, random, now, method: 'GET', target: '/accounts' });
    const key = parties.keys[algorithm ?? random.pick(Object.keys(parties.keys))];
    const header = { alg: key.algorithm, kid: key.kid, typ: random.pick(['at+jwt', 'at+jwt', 'AT+JWT', 'application/at+jwt']) };
    Draft.#next += 1;
    const claims = {
      iss: ISSUER,
      sub: random.pick(['customer-1', 'tpp-1', 'a b']),
      aud: random.pick([AUDIENCE, AUDIENCE, [AUDIENCE], ['https://other.example', AUDIENCE]]),
      client_id: 'tpp-1',
      jti: `token-${Draft.#next}`,
      iat: now - random.below(300),
      exp: now + 120 + random.below(600),
      scope: random.pick(['accounts', 'payments accounts', 'accounts openid']),
    };
    if (random.chance(1, 4)) claims.nbf = now - random.below(60);
    if (random.chance(1, 4)) claims.other = random.pick([null, 1, 'x', { a: [1] }, [[]], true]);
    this.token = new Jws(key, shuffled(header, random), shuffled(claims, random));
    if (bound ?? random.chance(1, 2)) this.bind(parties.clients[proofAlgorithm ?? random.pick(Object.keys(parties.clients))]);
  }

  bind(client) {
    const { random, now } = this;
    this.token.claims.cnf = { jkt: client.thumbprint };
    const header = { typ: random.pick(['dpop+jwt', 'dpop+jwt', 'DPoP+JWT']), alg: client.algorithm, jwk: shuffled(client.bare, random) };
    const claims = {
      // No edit of one letter makes another's id of it.
      jti: `proof-${sha256(`${Draft.#next}`).slice(0, 16)}`,
      htm: this.method,
      htu: random.pick([`${ORIGIN}/accounts`, `${ORIGIN}/accounts`, 'HTTPS://API.bank.example:443/accounts?x=1#y']),
      iat: now - random.below(Math.max(1, Math.min(240, now - start.second))),
    };
    if (random.chance(1, 6)) claims.other = random.pick([null, 1, { a: [1] }]);
    this.proof = new Jws(client, shuffled(header, random), shuffled(claims, random));
  }

  /** With a secret that everybody knows. */
  hmac(secret, text) {
    return crypto.createHmac('sha256', secret).update(text).digest();
  }

  /** As other protocols write a signature of ECDSA. */
  der(key, text) {
    return crypto.sign('sha256', text, key.privateKey);
  }

  /** Method, target and header fields. The proof is for the token as it is sent, unless a class says otherwise. */
  request() {
    const token = this.token.mint();
    if (this.proof && !this.keepsHash) this.proof.claims.ath ??= sha256(token);
    const proof = this.proof?.mint();
    const scheme = this.scheme ?? (proof === undefined ? 'Bearer' : 'DPoP');
    const fields = this.fields?.({ token, proof }) ??
      [['authorization', `${scheme} ${token}`], ...(proof === undefined ? [] : [['dpop', proof]])];
    return { method: this.method, target: this.target, fields };
  }
}

/** The order of members must not matter. */
function shuffled(object, random) {
  const members = Object.entries(object);
  for (let at = members.length - 1; at > 0; at -= 1) {
    const other = random.below(at + 1);
    [members[at], members[other]] = [members[other], members[at]];
  }
  return Object.fromEntries(members);
}
