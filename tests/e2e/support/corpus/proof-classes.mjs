// DPoP proofs: header and claims, the key that they bring, and the URI that they are for.

import { ORIGIN, base64url, sha256, twice } from './draft.mjs';
import { BOUND, LETTERS, make, set } from './make.mjs';

const proofClaim = (name, value) => set('proof', 'claims', name, value);

export function proofs() {
  const options = BOUND;
  const header = (name, value) => set('proof', 'header', name, value);
  return [
    ...['none', 'HS256', 'es256', 'RS512', 'ES384', 'ES512', ''].map((alg) => make(`proof alg ${alg}`, 6, header('alg', alg), { options })),
    ...['JWT', 'at+jwt', 'dpop', 'dpop+jws', 'dpop+jwt '].map((typ) => make(`proof typ ${typ}`, 6, header('typ', typ), { options })),
    make('proof typ application/dpop+jwt', 8, header('typ', 'application/dpop+jwt'), { options, differs: 'the type of a proof' }),
    ...[[], ['exp'], null].map((crit, n) => make(`proof crit ${n}`, 6, header('crit', crit), { options })),
    make('proof with more in its header', 8, (draft) => { Object.assign(draft.proof.header, { kid: 'x', other: { a: 1 } }); }, { options }),
    make('proof with more claims', 8, (draft) => { Object.assign(draft.proof.claims, { iss: 'x', other: [1], nonce: 'any' }); }, { options }),
    ...['PUT', 'get', 'Get', 'GET ', ' GET', 'HEAD', 'GETGET'].map((htm) => make(`htm ${JSON.stringify(htm)}`, 8, proofClaim('htm', htm), { options })),
    ...[['of another token', () => sha256('another')], ['padded', (ath) => `${ath}=`], ['in hexadecimal', (ath) => Buffer.from(ath, 'base64url').toString('hex')],
      ['in another alphabet', (ath) => Buffer.from(ath, 'base64url').toString('base64')], ['cut', (ath) => ath.slice(1)],
      ['the token', (_, token) => token], ['loose', (ath) => ath.slice(0, -1) + LETTERS[LETTERS.indexOf(ath.at(-1)) ^ 1]]]
      .map(([name, change]) => make(`ath ${name}`, 8, (draft) => {
        // A token of ECDSA is another each time it is minted: this one is kept.
        const token = draft.token.mint();
        draft.token.mint = () => token;
        draft.proof.claims.ath = change(sha256(token), token);
      }, { options })),
    make('a proof for the token before', 20, (draft) => { draft.proof.claims.ath = sha256(`${draft.token.mint()}x`); }, { options }),
    make('jti long', 8, proofClaim('jti', 'x'.repeat(257)), { options, differs: 'the id of a proof' }),
    make('jti at its longest', 8, (draft) => { draft.proof.claims.jti = `${draft.proof.claims.jti}-`.padEnd(256, 'x'); }, { options }),
    ...['jti', 'htm', 'htu', 'iat', 'ath', 'nonce'].map((name) => make(`proof claim twice: ${name}`, 6, (draft) => {
      draft.proof.claims.nonce = 'any';
      draft.proof.claimsText = twice(name, draft.random.chance(1, 2) ? draft.proof.claims[name] ?? 'other' : 'other');
    }, { options, differs: 'a member twice' })),
    ...['typ', 'alg', 'jwk', 'unknown'].map((name) => make(`proof header member twice: ${name}`, 6, (draft) => {
      draft.proof.header.unknown = 1;
      draft.proof.headerText = twice(name, draft.proof.header[name]);
    }, { options, differs: 'a member twice' })),
    ...[['an array', (json) => `[${json}]`], ['null', () => 'null'], ['cut', (json) => json.slice(0, -1)], ['nothing', () => '']].flatMap(([name, text]) => [
      make(`proof claims are ${name}`, 6, (draft) => { draft.proof.claimsText = text; }, { options }),
      make(`proof header is ${name}`, 6, (draft) => { draft.proof.headerText = text; }, { options }),
    ]),
  ];
}

export function proofKeys() {
  const ec = { bound: true, proofAlgorithm: 'ES256' };
  const rsa = { bound: true, proofAlgorithm: 'PS256' };
  const ed = { bound: true, proofAlgorithm: 'EdDSA' };
  const jwk = (name, times, change, options, differs) =>
    make(`jwk ${name}`, times, (draft) => { draft.proof.header.jwk = change({ ...draft.proof.header.jwk }, draft); }, { options, differs });
  const secret = 'a key with secret members';
  const elsewhere = 'a key for something else';
  return [
    jwk('of a stranger', 20, (_, draft) => draft.parties.stranger[draft.proof.key.algorithm].bare, BOUND),
    make('a stranger who holds the token', 20, (draft) => {
      const { parties, proof } = draft;
      proof.key = parties.stranger[proof.key.algorithm];
      proof.header.jwk = proof.key.bare;
    }, { options: BOUND }),
    jwk('with id and use', 10, (key) => ({ ...key, kid: 'x', use: 'sig', key_ops: ['verify'], ext: true }), BOUND),
    jwk('with its own alg', 10, (key, draft) => ({ ...key, alg: draft.proof.key.algorithm }), BOUND),
    jwk('for encryption', 8, (key) => ({ ...key, use: 'enc' }), BOUND, elsewhere),
    jwk('for signing', 8, (key) => ({ ...key, key_ops: ['sign'] }), BOUND, elsewhere),
    jwk('private', 8, (key, draft) => draft.proof.key.privateKey.export({ format: 'jwk' }), BOUND),
    jwk('with a stray d', 8, (key) => ({ ...key, d: 'AAAA' }), BOUND),
    jwk('with k', 8, (key) => ({ ...key, k: 'AAAA' }), BOUND, secret),
    jwk('of EC with p', 8, (key) => ({ ...key, p: 'AAAA' }), ec, secret),
    jwk('symmetric', 8, () => ({ kty: 'oct', k: 'AAAA' }), BOUND),
    jwk('without kty', 8, ({ kty, ...rest }) => rest, BOUND),
    jwk('of another kind', 8, (key) => ({ ...key, kty: key.kty === 'RSA' ? 'EC' : 'RSA' }), BOUND),
    jwk('in an array', 8, (key) => [key], BOUND),
    jwk('as text', 8, (key) => JSON.stringify(key), BOUND),
    jwk('as its members in an array', 8, (key) => Object.values(key), BOUND),
    jwk('of EC without y', 8, ({ y, ...rest }) => rest, ec),
    jwk('of EC without crv', 8, ({ crv, ...rest }) => rest, ec),
    jwk('of EC on another curve', 8, (key) => ({ ...key, crv: 'P-384' }), ec),
    jwk('of EC off the curve', 8, (key) => ({ ...key, x: base64url(Buffer.alloc(32, 1)) }), ec),
    jwk('of EC at infinity', 8, (key) => ({ ...key, x: base64url(Buffer.alloc(32)), y: base64url(Buffer.alloc(32)) }), ec),
    jwk('of EC with x cut', 8, (key) => ({ ...key, x: key.x.slice(0, -2) }), ec),
    jwk('of EC with a longer x', 8, (key) => ({ ...key, x: base64url(Buffer.concat([Buffer.of(0), Buffer.from(key.x, 'base64url')])) }), ec),
    jwk('of RSA without e', 8, ({ e, ...rest }) => rest, rsa),
    jwk('of RSA with n cut', 8, (key) => ({ ...key, n: key.n.slice(0, 100) }), rsa),
    jwk('of RSA with e in another spelling', 8, (key) => ({ ...key, e: 'AAEAAQ' }), rsa),
    jwk('of RSA with a zero before n', 8, (key) => ({ ...key, n: base64url(Buffer.concat([Buffer.of(0), Buffer.from(key.n, 'base64url')])) }), rsa),
    jwk('of Ed25519 with another curve', 8, (key) => ({ ...key, crv: 'X25519' }), ed),
    jwk('of Ed25519 cut', 8, (key) => ({ ...key, x: key.x.slice(4) }), ed),
    jwk('of RSA for another algorithm', 8, (key) => ({ ...key, alg: 'RS512' }), rsa),
    jwk('of EC for another algorithm', 8, (key) => ({ ...key, alg: 'ES384' }), ec),
    jwk('of Ed25519 for another algorithm', 8, (key) => ({ ...key, alg: 'ES256' }), ed),
    ...['alg', 'd', 'kty'].map((name) => jwk(`with ${name} null`, 8, (key) => ({ ...key, [name]: null }), BOUND)),
    ...['use', 'key_ops', 'kid', 'k'].map((name) => jwk(`with ${name} null`, 8, (key) => ({ ...key, [name]: null }), BOUND, 'a member that is null')),
    jwk('with x5c null', 8, (key) => ({ ...key, x5c: null }), BOUND),
    jwk('with members that mean nothing', 8, (key) => ({ ...key, other: { a: 1 }, x5c: ['AAAA'] }), BOUND),
  ];
}

export function uris() {
  const htu = (uri, differs) => make(`htu ${JSON.stringify(uri)}`, 6, proofClaim('htu', uri), { options: BOUND, differs });
  const browser = 'the URI as browsers read it';
  return [
    ...[`${ORIGIN}/accounts?a=b`, `${ORIGIN}/accounts#c`, `${ORIGIN}/accounts?#`, `${ORIGIN}:443/accounts`, `${ORIGIN}:/accounts`, 'https://API.BANK.EXAMPLE/accounts']
      .map((uri) => htu(uri)),
    ...[`${ORIGIN}/payments`, `${ORIGIN}/accounts/`, `${ORIGIN}/Accounts`, `${ORIGIN}//accounts`, ORIGIN, `${ORIGIN}/`, `http://api.bank.example/accounts`,
      `${ORIGIN}:8443/accounts`, 'https://bank.example/accounts', `${ORIGIN}.evil/accounts`, `${ORIGIN}./accounts`, 'https://evil@api.bank.example/accounts',
      'https://api.bank.example@evil/accounts', '/accounts', '//api.bank.example/accounts', 'accounts', 'https://', `${ORIGIN}/accounts%2F`, `${ORIGIN}/accounts%20`,
      `${ORIGIN}/accounts;x`, `${ORIGIN}/accounts/..`, 'wss://api.bank.example/accounts', 'https://127.0.0.1/accounts', `${ORIGIN}:99999/accounts`]
      .map((uri) => htu(uri)),
    ...[`${ORIGIN}/x/../accounts`, `${ORIGIN}/./accounts`, `${ORIGIN}/x/%2e%2e/accounts`, 'https:/api.bank.example/accounts', 'https:api.bank.example/accounts',
      'https:\\\\api.bank.example\\accounts', `\t${ORIGIN}/accounts`, `${ORIGIN}/acc\nounts`, ` ${ORIGIN}/accounts `, `${ORIGIN}:0443/accounts`,
      'https://\uff41pi.bank.example/accounts', 'https:///api.bank.example/accounts', `https://ap%69.bank.example/accounts`]
      .map((uri) => htu(uri, browser)),
    ...[`${ORIGIN}/%61ccounts`, `${ORIGIN}/%61%63counts`, `${ORIGIN}/account%73?x`].map((uri) => htu(uri, 'the URI in normal form')),
    make('a query in the request', 10, (draft) => { draft.target = '/accounts?x=1'; }, { options: BOUND }),
  ];
}
