// Tokens and proofs as texts: signatures that are nobody's, and the same octets in other letters.

import { Jws, base64url } from './draft.mjs';
import { BOUND, LETTERS, make } from './make.mjs';

export function signatures() {
  const parts = ['token', 'proof'].flatMap((part) => [
    make(`${part} by a stranger under the same id`, 20, (draft) => {
      const { key } = draft[part];
      draft[part].sign = (text) => draft.parties.stranger[key.algorithm].sign(text);
    }, { options: part === 'proof' ? BOUND : {} }),
    make(`${part} signature with a bit flipped`, 250, (draft) => {
      const sign = draft[part].sign;
      draft[part].sign = (text) => {
        const signature = Buffer.from(sign(text));
        const bit = draft.random.below(signature.length * 8);
        signature[bit >> 3] ^= 1 << (bit & 7);
        return signature;
      };
    }, { options: part === 'proof' ? BOUND : {} }),
    make(`${part} with one letter changed`, 500, (draft) => {
      draft[part].twist = (text) => {
        // The last letter of a part may hold bits that mean nothing: a class of its own.
        const places = [...text].map((letter, at) => at).filter((at) => /[\w-]/.test(text[at]) && /[\w-]/.test(text[at + 1] ?? '.'));
        const at = draft.random.pick(places);
        const letter = draft.random.pick([...LETTERS].filter((letter) => letter !== text[at]));
        return text.slice(0, at) + letter + text.slice(at + 1);
      };
    }, { options: part === 'proof' ? BOUND : {} }),
    ...[['cut', (bytes) => bytes.subarray(0, -1)], ['longer', (bytes) => Buffer.concat([bytes, Buffer.of(0)])], ['all zeros', (bytes) => Buffer.alloc(bytes.length)],
      ['absent', () => Buffer.alloc(0)], ['one byte', () => Buffer.of(1)], ['all ones', (bytes) => Buffer.alloc(bytes.length, 255)],
      ['backwards', (bytes) => Buffer.from(bytes).reverse()]].map(([name, change]) => make(`${part} signature ${name}`, 8, (draft) => {
      const sign = draft[part].sign;
      draft[part].sign = (text) => change(Buffer.from(sign(text)));
    }, { options: part === 'proof' ? BOUND : {} })),
    make(`${part} signed as DER`, 8, (draft) => {
      const { key } = draft[part];
      draft[part].sign = (text) => draft.der(key, text);
    }, { options: part === 'proof' ? { bound: true, proofAlgorithm: 'ES256' } : { algorithm: 'ES256' } }),
  ]);
  return [
    ...parts,
    ...['token', 'proof'].flatMap((part) => ['claims', 'header'].map((place) => make(`${part} ${place} with a random edit, and signed`, 400, (draft) => {
      draft[part][`${place}Text`] = (json) => {
        const at = draft.random.below(json.length);
        const letter = draft.random.pick([...'{}[]",:0179-+eE.\\ntu aZ', '\u0000', '\u00fc']);
        return json.slice(0, at) + draft.random.pick(['', letter, letter]) + json.slice(at + draft.random.below(2));
      };
    }, { options: part === 'proof' ? BOUND : {}, random: true }))),
    make('claims of one token, signature of another', 20, (draft) => {
      const other = new Jws(draft.token.key, draft.token.header, { ...draft.token.claims, jti: 'another' }).mint();
      draft.token.twist = (text) => text.split('.').slice(0, 2).join('.') + other.slice(other.lastIndexOf('.'));
    }),
  ];
}

/** The same octets in other letters. */
export function spellings() {
  const change = (at, edit) => (text) => {
    const parts = text.split('.');
    parts[at] = edit(parts[at]);
    return parts.join('.');
  };
  const padded = (part) => part.padEnd(Math.ceil(part.length / 4) * 4, '=');
  /** The last letter of a part with bits that no octet uses; such a part has not a multiple of four letters. */
  const loose = (part) => part.slice(0, -1) + LETTERS[LETTERS.indexOf(part.at(-1)) ^ 1];
  /** Blanks before the closing brace until the part does not come out even. */
  const uneven = (json) => (json.length % 3 ? json : `${json.slice(0, -1)} }`);
  const found = [];
  for (const part of ['token', 'proof']) {
    const options = part === 'proof' ? { bound: true, proofAlgorithm: 'ES256' } : { bound: false, algorithm: 'ES256' };
    for (const at of [0, 1, 2]) {
      for (const [name, edit] of [['padded', padded], ['loose', loose]]) {
        found.push(make(`${part} part ${at} ${name}`, 6, (draft) => {
          const jws = draft[part];
          Object.assign(jws, { headerText: uneven, claimsText: uneven });
          // What is signed is the text: a part in another spelling is signed in that spelling.
          jws.twist = (text) => (at === 2 ? change(at, edit)(text) : resigned(jws, change(at, edit)(text)));
        }, { options, differs: 'base64url by its letters' }));
      }
    }
    for (const [name, twist] of [
      ['one part', (text) => text.split('.')[0]], ['two parts', (text) => text.split('.').slice(0, 2).join('.')],
      ['four parts', (text) => `${text}.AAAA`], ['five parts', (text) => `${text}.AAAA.AAAA`], ['a dot before', (text) => `.${text}`],
      ['a dot behind', (text) => `${text}.`], ['dots', () => '..'], ['many dots', () => '.'.repeat(1000)],
      ['no header', (text) => text.slice(text.indexOf('.'))], ['no payload', (text) => text.replace(/\..*\./, '..')],
      ['a tilde', (text) => `${text}~`], ['a blank', (text) => text.replace('.', '. ')], ['a plus', (text) => `${text}+`], ['a slash', (text) => `${text}/`],
      ['the signature alone', (text) => text.split('.')[2]],
    ]) {
      found.push(make(`${part} with ${name}`, 6, (draft) => { draft[part].twist = twist; }, { options }));
    }
  }
  return found;
}

function resigned(jws, text) {
  const signed = text.slice(0, text.lastIndexOf('.'));
  return `${signed}.${base64url(jws.sign(signed))}`;
}
