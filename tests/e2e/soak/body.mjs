// What both ends of the soak know of a request: the octets of its body, and the mark that says that it may be made.

import { createHmac } from 'node:crypto';

/** The longest body: what the gateway lets through where nothing else is said. */
export const LONGEST = 1024 * 1024;

const SHIFTS = 4096;
const PATTERN = Buffer.alloc(LONGEST + SHIFTS);
for (let at = 0; at < PATTERN.length; at += 1) PATTERN[at] = (Math.imul(at, 0x9e3779b1) >>> 13) & 255;

/** The one body of this length for this request: what belongs to another differs from it. */
export function bodyOf(id, length) {
  const name = Buffer.from(`${id}`.padStart(16, '0').slice(0, length));
  const from = id % SHIFTS;
  return Buffer.concat([name, PATTERN.subarray(from, from + length - name.length)]);
}

/** `X-Mark`: only who knows the secret can have meant this request, with this identity. */
export function markOf(secret, { id, length, method, target, subject, tokenId }) {
  const proof = createHmac('sha256', secret).update([id, length, method, target, subject, tokenId].join('\n')).digest('base64url');
  return `${id}.${length}.${proof}`;
}
