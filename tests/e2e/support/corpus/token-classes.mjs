// Access tokens: their dates at the bounds, their claims, their header, and how they are presented.

import { AUDIENCE, ISSUER, LEEWAY, PROOF_AGE, raw, sha256, twice } from './draft.mjs';
import { BOUND, UNBOUND, make, set } from './make.mjs';

const claim = (name, value) => set('token', 'claims', name, value);

/** At the bound, one before and one past it. Timed: both sides must answer within the second it was made for. */
export function dates() {
  const steps = [-2, -1, 0, 1, 2];
  const around = (name, bound, apply, options, differs = () => undefined) => steps.map((step) =>
    make(`${name} ${step < 0 ? '' : '+'}${step}`, 4, (draft) => apply(draft, draft.now + bound + step), { options, timed: true, differs: differs(step) }));
  const beyond = (differs) => (step) => (step > 0 ? differs : undefined);
  return [
    ...around('exp at the bound', -LEEWAY, (draft, date) => { draft.token.claims.exp = date; }, {}),
    ...around('nbf at the bound', LEEWAY, (draft, date) => { draft.token.claims.nbf = date; }, {}),
    ...around('iat at the bound', LEEWAY, (draft, date) => { draft.token.claims.iat = date; }, {}, beyond('issued in the future')),
    ...around('proof iat at its age', -PROOF_AGE, (draft, date) => { draft.proof.claims.iat = date; }, BOUND,
      (step) => (step >= 0 ? 'a proof from before our start' : undefined)),
    ...around('proof iat ahead', LEEWAY, (draft, date) => { draft.proof.claims.iat = date; }, BOUND, beyond('a proof from the future')),
    ...around('proof iat far ahead', PROOF_AGE, (draft, date) => { draft.proof.claims.iat = date; }, BOUND,
      (step) => (step <= 0 ? 'a proof from the future' : undefined)),
    ...around('proof nbf at the bound', LEEWAY, (draft, date) => { draft.proof.claims.nbf = date; }, BOUND),
    ...around('proof exp now', 0, (draft, date) => { draft.proof.claims.exp = date; }, BOUND,
      (step) => (step <= 0 ? 'a proof that has ended' : undefined)),
    ...around('proof exp in its leeway', -LEEWAY, (draft, date) => { draft.proof.claims.exp = date; }, BOUND,
      beyond('a proof that has ended')),
    make('exp a fraction past the bound', 4, (draft) => { draft.token.claims.exp = draft.now - LEEWAY + 0.5; },
      { timed: true, differs: 'a fraction of a second' }),
    make('exp a fraction later', 5, (draft) => { draft.token.claims.exp = draft.now + 60.25; }),
    make('exp in milliseconds', 5, (draft) => { draft.token.claims.exp = draft.now * 1000; }, { differs: 'a date out of range' }),
    make('exp past 9999', 5, claim('exp', 253402300800), { differs: 'a date out of range' }),
    make('exp infinite', 5, (draft) => { draft.token.claimsText = raw('exp', '1e400'); }, { differs: 'a date out of range' }),
    make('exp -0', 5, (draft) => { draft.token.claimsText = raw('exp', '-0'); }),
    make('exp as 1e1', 5, (draft) => { draft.token.claimsText = raw('exp', `${draft.now + 100}e0`); }),
    make('expired long ago', 20, (draft) => { draft.token.claims.exp = draft.now - 60 - draft.random.below(1e6); }),
    make('begins tomorrow', 20, (draft) => { draft.token.claims.nbf = draft.now + 60 + draft.random.below(1e6); }),
    make('a proof of yesterday', 20, (draft) => { draft.proof.claims.iat = draft.now - 400 - draft.random.below(1e6); }, { options: BOUND }),
    make('a proof of tomorrow', 20, (draft) => { draft.proof.claims.iat = draft.now + 400 + draft.random.below(1e6); }, { options: BOUND }),
  ];
}

export function claims() {
  const others = {
    iss: [`${ISSUER}/`, ISSUER.toUpperCase(), 'http://auth.bank.example', ` ${ISSUER}`, `${ISSUER}\u0000`, ISSUER.replace('a', '\u0430')],
    aud: [`${AUDIENCE}/`, `${AUDIENCE}/x`, AUDIENCE.toUpperCase(), AUDIENCE.slice(0, -1), `${AUDIENCE} `, `${AUDIENCE},x`],
  };
  const names = Object.entries(others).flatMap(([name, values]) => values.map((value, n) => make(`${name} nearly ours ${n}`, 6, claim(name, value))));
  const thumbprint = (draft) => (draft.token.claims.cnf?.jkt ?? draft.parties.clients.ES256.thumbprint);
  const cnf = [
    ['padded', (jkt) => ({ jkt: `${jkt}=` })],
    ['in hexadecimal', (jkt) => ({ jkt: Buffer.from(jkt, 'base64url').toString('hex') })],
    ['of a certificate', (jkt) => ({ 'x5t#S256': jkt })],
    ['of both', (jkt) => ({ jkt, 'x5t#S256': jkt })],
    ['with something unknown', (jkt) => ({ jkt, other: 1 })],
    ['of a key itself', () => ({ jwk: {} })],
    ['of a key id', () => ({ kid: 'a' })],
    ['of a number', () => ({ jkt: 1 })],
    ['of null', () => ({ jkt: null })],
    ['of nothing', () => ({ jkt: '' })],
    ['in an array', (jkt) => [{ jkt }]],
    ['as text', (jkt) => jkt],
    ['of another key', () => ({ jkt: sha256('another') })],
  ].map(([name, value]) => make(`cnf ${name}`, 8, (draft) => { draft.token.claims.cnf = value(thumbprint(draft)); }));
  return [
    ...names, ...cnf,
    make('aud among others', 10, claim('aud', ['https://other.example', AUDIENCE, 'x'])),
    make('aud among others that are no texts', 6, claim('aud', [AUDIENCE, 5]), { differs: 'an audience that is no text' }),
    make('aud with null behind it', 6, claim('aud', [AUDIENCE, null]), { differs: 'an audience that is no text' }),
    make('aud within an array within an array', 6, claim('aud', [[AUDIENCE]])),
    make('aud as an object', 6, claim('aud', { [AUDIENCE]: AUDIENCE })),
    make('sub that is no header field', 6, (draft) => { draft.token.claims.sub = draft.random.pick(['a\r\nb', 'a\u0000', 'a\tb', '\u015fa', ' a', 'a ']); },
      { differs: 'a name that is empty or no header field' }),
    make('jti that is no header field', 6, claim('jti', 'a\nb'), { differs: 'a name that is empty or no header field' }),
    make('more members than anybody has', 6, (draft) => {
      for (let n = 0; n < 70; n += 1) draft.token.claims[`m${n}`] = n;
    }, { differs: 'size' }),
    make('a long token', 6, claim('other', 'x'.repeat(9000)), { differs: 'size' }),
    make('deep JSON', 6, (draft) => { draft.token.claimsText = raw('other', `${'['.repeat(100)}${']'.repeat(100)}`); }),
    ...['iss', 'exp', 'aud', 'sub', 'client_id', 'jti', 'cnf', 'unknown'].map((name) => make(`claim twice: ${name}`, 6, (draft) => {
      const value = draft.token.claims[name] ?? (name === 'cnf' ? {} : 1);
      draft.token.claims[name] ??= value;
      draft.token.claimsText = twice(name, draft.random.chance(1, 2) ? value : 'other');
    }, { options: name === 'cnf' ? BOUND : {}, differs: 'a member twice' })),
    ...[['an array', (json) => `[${json}]`], ['a text', (json) => JSON.stringify(json)], ['null', () => 'null'], ['nothing', () => ''],
      ['cut', (json) => json.slice(0, -1)], ['followed by something', (json) => `${json}x`], ['two objects', (json) => json + json],
      ['with a comma too many', (json) => `${json.slice(0, -1)},}`], ['in single quotes', (json) => json.replaceAll('"', "'")],
      ['with a comment', (json) => `/**/${json}`], ['behind a byte order mark', (json) => `\ufeff${json}`], ['with NaN', raw('exp', 'NaN')],
      ['with a leading zero', raw('exp', '01900000000')], ['with a control character', raw('other', '"\n"')]]
      .map(([name, text]) => make(`claims are ${name}`, 6, (draft) => { draft.token.claimsText = text; }, { differs: NOT_THE_SAME[name] })),
    make('claims between blanks', 6, (draft) => { draft.token.claimsText = (json) => ` \r\n\t${json}\n `; }),
    make('claims with escapes', 10, (draft) => { draft.token.claimsText = (json) => json.replace('"iss"', '"\\u0069ss"').replace('accounts', '\\u0061ccounts'); }),
  ];
}

const NOT_THE_SAME = { 'behind a byte order mark': 'a byte order mark' };

export function headers() {
  const header = (name, value) => set('token', 'header', name, value);
  const names = ['none', 'None', 'NONE', 'nOnE', 'HS256', 'HS384', 'RS256 ', 'rs256', 'es256', 'ES512', 'ES256K', 'RS1', 'RS384', 'PS512', 'ES384', 'RSA-OAEP', 'dir'];
  const types = ['JWT', 'at+JWT ', 'id+jwt', 'dpop+jwt', 'logout+jwt', 'secevent+jwt', 'token-introspection+jwt', 'statuslist+jwt', 'at-jwt', 'text/at+jwt', 'application/application/at+jwt', 'at+jwt;x=1'];
  const ids = ['../../etc/passwd', "' OR 1=1 --", 'https://evil.example/jwks', 'x'.repeat(2000), 'ES256', 'enc', ' es256'];
  return [
    ...names.map((name) => make(`alg ${name}`, 6, (draft) => {
      draft.token.header.alg = name;
      if (draft.random.chance(1, 3)) draft.token.sign = () => '';
    })),
    make('alg of another key', 20, (draft) => {
      draft.token.header.alg = draft.random.pick(['RS256', 'PS256', 'ES256', 'EdDSA'].filter((name) => name !== draft.token.key.algorithm));
    }),
    make('alg Ed25519', 6, header('alg', 'Ed25519'), { options: { algorithm: 'EdDSA' }, differs: 'another name of EdDSA' }),
    make('HMAC by what everybody knows', 20, (draft) => {
      const { key } = draft.token;
      draft.token.header.alg = 'HS256';
      draft.token.sign = (text) => draft.hmac(draft.random.pick([JSON.stringify(key.jwk), key.publicKey.export({ type: 'spki', format: 'pem' })]), text);
    }, { options: UNBOUND }),
    ...types.map((typ) => make(`typ ${typ}`, 6, header('typ', typ))),
    ...ids.map((kid, n) => make(`kid nobody has ${n}`, 6, header('kid', kid))),
    make('kid of another of the same issuer', 10, header('kid', 'es256-2'), { options: { algorithm: 'ES256' } }),
    make('the second key', 20, (draft) => { draft.token.key = draft.parties.second; draft.token.header.kid = 'es256-2'; }, { options: { algorithm: 'ES256' } }),
    make('a key for encryption', 10, (draft) => { draft.token.key = draft.parties.encrypting; draft.token.header.kid = 'enc'; }, { options: { algorithm: 'ES256' } }),
    make('no kid where one key fits', 20, (draft) => { delete draft.token.header.kid; }, { options: { algorithm: 'PS256' } }),
    make('no kid where two fit', 20, (draft) => { delete draft.token.header.kid; }, { options: { algorithm: 'ES256' }, differs: 'no key id' }),
    ...[['jku', 'https://evil.example/jwks'], ['x5u', 'https://evil.example/x5u'], ['x5c', ['AAAA']], ['cty', 'JWT'], ['zip', 'DEF'], ['x5t', 'a'], ['unknown', { a: [1] }]]
      .map(([name, value]) => make(`header with ${name}`, 6, header(name, value))),
    make('header with a jwk that signed it', 10, (draft) => {
      draft.token.key = draft.parties.stranger[draft.token.key.algorithm];
      draft.token.header.jwk = draft.token.key.bare;
    }),
    ...[[], ['exp'], ['b64'], 'exp', null, {}, ['alg']].map((crit, n) => make(`crit ${n}`, 6, header('crit', crit))),
    ...[true, false, null].map((b64) => make(`b64 ${b64}`, 6, header('b64', b64), { differs: 'b64' })),
    make('more header members than anybody has', 6, (draft) => {
      for (let n = 0; n < 40; n += 1) draft.token.header[`m${n}`] = n;
    }, { differs: 'size' }),
    ...['alg', 'kid', 'typ', 'unknown'].map((name) => make(`header member twice: ${name}`, 6, (draft) => {
      draft.token.header[name] ??= 1;
      draft.token.headerText = twice(name, draft.random.chance(1, 2) ? draft.token.header[name] : 'none');
    }, { differs: 'a member twice' })),
    ...[['an array', (json) => `[${json}]`], ['null', () => 'null'], ['a number', () => '1'], ['cut', (json) => json.slice(0, -1)], ['nothing', () => '']]
      .map(([name, text]) => make(`the header is ${name}`, 6, (draft) => { draft.token.headerText = text; })),
  ];
}

export function credentials() {
  const fields = (name, times, list, more) => make(name, times, (draft) => { draft.fields = list; }, more);
  return [
    ...['bearer', 'BEARER', 'bEaReR'].map((scheme) => make(`scheme ${scheme}`, 8, (draft) => { draft.scheme = scheme; }, { options: UNBOUND })),
    ...['dpop', 'DPOP', 'dPoP'].map((scheme) => make(`scheme ${scheme}`, 8, (draft) => { draft.scheme = scheme; }, { options: BOUND })),
    ...['Basic', 'Token', 'Bearerx', 'Negotiate', 'DPoPx', 'MAC'].map((scheme) => make(`scheme ${scheme}`, 8, (draft) => { draft.scheme = scheme; })),
    make('bound, as Bearer with a proof', 20, (draft) => { draft.scheme = 'Bearer'; }, { options: BOUND }),
    fields('bound, as Bearer without a proof', 20, ({ token }) => [['authorization', `Bearer ${token}`]], { options: BOUND }),
    fields('bound, without a proof', 20, ({ token }) => [['authorization', `DPoP ${token}`]], { options: BOUND }),
    fields('unbound, as DPoP', 20, ({ token }) => [['authorization', `DPoP ${token}`]], { options: UNBOUND }),
    make('unbound, with a proof', 20, (draft) => { delete draft.token.claims.cnf; }, { options: BOUND }),
    make('unbound, as Bearer with a proof', 20, (draft) => { delete draft.token.claims.cnf; draft.scheme = 'Bearer'; },
      { options: BOUND, differs: 'a needless proof' }),
    fields('nothing', 8, () => []),
    fields('a proof alone', 8, ({ proof }) => [['dpop', proof]], { options: BOUND }),
    fields('two tokens', 8, ({ token }) => [['authorization', `Bearer ${token}`], ['authorization', `Bearer ${token}`]], { options: UNBOUND }),
    fields('two tokens in a list', 8, ({ token }) => [['authorization', `Bearer ${token}, Bearer ${token}`]], { options: UNBOUND }),
    fields('both schemes', 8, ({ token, proof }) => [['authorization', `Bearer ${token}`], ['authorization', `DPoP ${token}`], ['dpop', proof]], { options: BOUND }),
    fields('two proofs', 8, ({ token, proof }) => [['authorization', `DPoP ${token}`], ['dpop', proof], ['dpop', proof]], { options: BOUND }),
    fields('two proofs in a list', 8, ({ token, proof }) => [['authorization', `DPoP ${token}`], ['dpop', `${proof}, ${proof}`]], { options: BOUND }),
    fields('two blanks before the token', 8, ({ token }) => [['authorization', `Bearer  ${token}`]], { options: UNBOUND }),
    fields('a tab before the token', 8, ({ token }) => [['authorization', `Bearer\t${token}`]], { options: UNBOUND }),
    fields('a word behind the token', 8, ({ token }) => [['authorization', `Bearer ${token} x`]], { options: UNBOUND }),
    fields('a parameter behind the token', 8, ({ token }) => [['authorization', `Bearer ${token},x=1`]], { options: UNBOUND }),
    fields('the token alone', 8, ({ token }) => [['authorization', token]], { options: UNBOUND }),
    fields('the scheme alone', 8, () => [['authorization', 'Bearer']], { options: UNBOUND }),
    fields('the token in quotes', 8, ({ token }) => [['authorization', `Bearer "${token}"`]], { options: UNBOUND }),
    fields('in another field', 8, ({ token }) => [['proxy-authorization', `Bearer ${token}`]], { options: UNBOUND }),
    fields('the proof for a token', 8, ({ proof }) => [['authorization', `Bearer ${proof}`]], { options: BOUND }),
    fields('the token for a proof', 8, ({ token }) => [['authorization', `DPoP ${token}`], ['dpop', token]], { options: BOUND }),
    fields('a field in another case', 8, ({ token, proof }) => [['AUTHORIZATION', `DPoP ${token}`], ['DpOp', proof]], { options: BOUND }),
    fields('the same proof again', 20, ({ token, proof }) => [['authorization', `DPoP ${token}`], ['dpop', proof]], { options: BOUND, again: true, differs: 'a proof used twice' }),
  ];
}
