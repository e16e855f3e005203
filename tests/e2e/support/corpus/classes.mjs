// The classes of the corpus: each spoils a good request in one place, or in none. `differs` names an entry of
// differences.mjs; without it both sides must give the same verdict.

import { BOUND, UNBOUND, make, set } from './make.mjs';
import { proofKeys, proofs, uris } from './proof-classes.mjs';
import { signatures, spellings } from './text-classes.mjs';
import { claims, credentials, dates, headers } from './token-classes.mjs';

/**
 * Every class: `{ name, times, options, spoil }`, and `timed` where a second decides, `again` where the request is sent twice,
 * `random` where nobody knows beforehand what comes out.
 */
export function classes() {
  return [
    ...good(), ...members(), ...dates(), ...claims(), ...headers(), ...signatures(), ...spellings(), ...credentials(),
    ...proofs(), ...proofKeys(), ...uris(),
  ];
}

function good() {
  const algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];
  const bearer = algorithms.map((algorithm) => make(`good: ${algorithm}`, 60, () => {}, { options: { algorithm, bound: false } }));
  const bound = algorithms.map((proofAlgorithm) =>
    make(`good: proof by ${proofAlgorithm}`, 120, () => {}, { options: { proofAlgorithm, bound: true } }));
  return [...bearer, ...bound, make('good: anything', 300, () => {})];
}

/** Every member absent, and of every type. */
function members() {
  const places = [
    ['token', 'claims', ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti', 'nbf', 'scope', 'cnf']],
    ['token', 'header', ['alg', 'kid', 'typ']],
    ['proof', 'claims', ['jti', 'htm', 'htu', 'iat', 'ath', 'exp', 'nbf', 'nonce']],
    ['proof', 'header', ['alg', 'jwk', 'typ']],
  ];
  const found = [];
  for (const [part, place, names] of places) {
    const options = part === 'proof' ? BOUND : {};
    for (const name of names) {
      found.push(make(`${part} ${place}: ${name} absent`, 6, (draft) => {
        delete draft[part][place][name];
        if (name === 'ath') draft.keepsHash = true;
      }, { options: SPECIAL[`${name} absent`] ?? options, differs: DIFFERS[`${part} ${name} absent`] }));
      for (const [type, value] of VALUES) {
        found.push(make(`${part} ${place}: ${name} is ${type}`, 5, (draft) => {
          // No id may come twice: the memory for proofs is another class.
          draft[part][place][name] = name === 'jti' && value && typeof value === 'string' ? `${draft.proof?.claims.jti}${value}` : value;
        }, { options: SPECIAL[`${name} ${type}`] ?? options, differs: DIFFERS[`${part} ${name} ${type}`] }));
      }
    }
  }
  return found;
}

const VALUES = [
  ['null', null], ['true', true], ['zero', 0], ['negative', -1], ['a fraction', 1.5], ['huge', 1e99], ['empty', ''], ['another text', 'other'],
  ['a digit', '1'], ['an empty array', []], ['an array', ['accounts']], ['an empty object', {}], ['an object', { a: 1 }],
];
/** Which requests show it, where not any. */
const SPECIAL = { 'cnf absent': BOUND, 'cnf an empty object': UNBOUND, 'kid absent': { algorithm: 'RS256' } };
const DIFFERS = Object.fromEntries([
  ...['absent', 'empty', 'another text', 'a digit', 'null', 'true', 'zero', 'negative', 'a fraction', 'huge', 'an empty array', 'an array',
    'an empty object', 'an object'].map((type) => [`token scope ${type}`, 'scope']),
  ...['sub', 'client_id', 'jti'].map((name) => [`token ${name} empty`, 'a name that is empty or no header field']),
  ...['exp huge', 'iat huge', 'iat negative', 'nbf negative'].map((what) => [`token ${what}`, 'a date out of range']),
  ['proof exp huge', 'a date out of range'], ['proof nbf negative', 'a date out of range'],
  ['token cnf an empty object', 'nothing confirmed'],
  ['proof jti empty', 'the id of a proof'],
  ['proof nonce null', 'a member that is null'],
  ...['true', 'zero', 'negative', 'a fraction', 'huge', 'an empty array', 'an array', 'an empty object', 'an object']
    .map((type) => [`proof nonce ${type}`, 'a nonce that is no text']),
]);
