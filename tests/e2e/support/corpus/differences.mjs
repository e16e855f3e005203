// Where the gateway and oauth4webapi do not agree, and why that is right. A disagreement that is not here fails the test,
// and so does an entry that no case shows.

import { start } from './draft.mjs';

/** Who refuses what the other accepts; why; and where it is written. */
const WE = 'we refuse, it accepts';
const IT = 'it refuses, we accept';

export const DIFFERENCES = {
  'a member twice': [WE, 'RFC 7515 §4, RFC 7519 §4', 'two readers of one token must not see two tokens; JSON.parse takes the last'],
  'base64url by its letters': [WE, 'RFC 7515 §2, RFC 4648 §3.5', 'no padding, no other alphabet, no bits left over: one token has one spelling'],
  'b64': [WE, 'RFC 7797 §3', 'it changes what is signed; we understand no extension, the library does not look at it'],
  'a byte order mark': [WE, 'RFC 8259 §8.1', 'it is no JSON; the library removes it'],
  'a date out of range': [WE, 'RFC 7519 §2', 'before 1970, after 9999 or infinite: a mistake, or an attack on arithmetic'],
  'a fraction of a second': [WE, 'RFC 7519 §4.1.4', 'a date is never later for being rounded: `exp` counts from its whole second'],
  'issued in the future': [WE, 'FAPI 2.0 §5.3.2.1', 'beyond 10 s ahead it is no clock; the library looks at `iat` of proofs only'],
  'a proof from the future': [WE, 'FAPI 2.0 §5.3.2.1, RFC 9449 §11.1', 'beyond 10 s ahead; the library takes 300 s in both directions'],
  'a proof from before our start': [WE, 'RFC 9449 §11.1', 'the process before us may have taken it: with a nonce of ours it is good; the library has no memory'],
  'a proof that has ended': [WE, 'RFC 7519 §4.1.4', 'a proof is made for one request: its `exp`, where it has one, gets no leeway'],
  'an audience that is no text': [WE, 'RFC 7519 §4.1.3', 'an array of StringOrURI, all of them'],
  'a name that is empty or no header field': [WE, 'RFC 9110 §5.5', 'the upstream is told who it is, in header fields; the library tells nobody'],
  'scope': [WE, 'RFC 6749 §3.3, RFC 6750 §3.1', 'the library leaves scopes to its user'],
  'nothing confirmed': [WE, 'RFC 7800 §3.1', '`cnf` without a method binds to nothing that could be shown'],
  'size': [WE, 'RFC 7519 §11, ours', 'tokens have 8 KiB, members and ids have numbers'],
  'a proof used twice': [WE, 'RFC 9449 §11.1', 'the library has no memory'],
  'the type of a proof': [WE, 'RFC 9449 §4.2', '`dpop+jwt` and nothing before it'],
  'the id of a proof': [WE, 'RFC 9449 §4.2, §11.1', 'it must be something, and not so long that the memory is an attack'],
  'a nonce that is no text': [WE, 'RFC 9449 §4.2', 'a wrong type is a fault, never absence; the library leaves nonces to its user'],
  'a member that is null': [WE, 'RFC 7517 §4, RFC 9449 §4.2', '`null` is a wrong type and not absence, also where the library does not look'],
  'a key for something else': [WE, 'RFC 7517 §4.2, §4.3', '`use` and `key_ops` forbid it; the library removes both before it reads the key'],
  'a key with secret members': [WE, 'RFC 9449 §4.3, 7', 'members of private and symmetric keys, also of another kind of key'],
  'the URI as browsers read it': [WE, 'RFC 9449 §4.3, RFC 3986 §6.2.2', 'the library reads `htu` as WHATWG URL: backslashes, dot segments, missing slashes, wide letters, tabs'],
  'the URI in normal form': [IT, 'RFC 9449 §4.3, RFC 3986 §6.2.2.2', 'needless escapes are undone, which WHATWG URL does not'],
  'a needless proof': [IT, 'RFC 9449 §7.1', 'a token bound to nothing is a bearer token, whatever header comes along'],
  'another name of EdDSA': [IT, 'RFC 9864 §2.2', '`Ed25519` is what our one kind of `EdDSA` is; the library wants the same name in the key'],
  'no key id': [IT, 'RFC 7515 §4.1.4', '`kid` is optional: all keys that fit are tried; the library wants exactly one'],
};

/** The verdicts that a difference stands for. */
export function verdicts(name) {
  const [who] = DIFFERENCES[name];
  return { gateway: who === IT, library: who === WE };
}

/** The difference that a request which nobody wrote shows, if it shows one: by what stands in its token and its proof. */
export function explain({ fields }, now) {
  const find = (name) => read(fields.find(([field]) => field === name)?.[1].split(' ').at(-1));
  const [token, proof] = [find('authorization'), find('dpop')];
  const dates = [token.claims, proof.claims].flatMap(({ exp, iat, nbf }) => [exp, iat, nbf]).filter((date) => date !== undefined);
  const names = ['sub', 'client_id', 'jti'].map((name) => token.claims[name]);
  const found = [
    ['a proof from before our start', proof.claims.iat < start.second],
    ['a date out of range', dates.some((date) => !(date >= 0 && date <= 253402300799))],
    ['issued in the future', token.claims.iat > now + 10],
    ['a proof from the future', proof.claims.iat > now + 10],
    ['a name that is empty or no header field', !names.every((name) => /^[!-~]([ -~]*[!-~])?$/.test(name))],
    ['scope', !String(token.claims.scope).split(' ').includes('accounts') || !/^[!-~]+( [!-~]+)*$/.test(token.claims.scope)],
    ['no key id', token.header.kid === undefined],
    ['the id of a proof', proof.claims.jti === ''],
    ['the URI as browsers read it', !proof.claims.htu?.match(/^https:\/\/api.bank.example(:443)?\/accounts([?#]|$)/i)],
  ];
  return found.find(([, applies]) => applies)?.[0];
}

function read(jws) {
  const [header, claims] = (jws ?? '').split('.').slice(0, 2).map((part) => {
    try {
      return JSON.parse(Buffer.from(part, 'base64url')) ?? {};
    } catch {
      return {};
    }
  });
  return { header: header ?? {}, claims: claims ?? {} };
}
