// `fetch` over TLS with a certificate of the client's, which the one that Node.js has cannot show. Never kept alive: each
// call has a connection, and so a handshake, of its own.

import https from 'node:https';

/** For oauth4webapi's `customFetch`: trusts `ca` only, and shows `cert` with `key` where there are any. */
export function fetchWith({ ca, cert, key }) {
  return (url, { method = 'GET', headers = {}, body } = {}) => new Promise((resolve, reject) => {
    const fields = headers instanceof Headers ? Object.fromEntries(headers) : headers;
    const outgoing = https.request(url, { method, headers: fields, ca, cert, key, agent: false });
    outgoing.setTimeout(20_000, () => outgoing.destroy(new Error(`no answer to ${method} ${url} in 20 s`)));
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      const chunks = [];
      incoming.on('data', (chunk) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const answer = new Headers();
        for (let at = 0; at < incoming.rawHeaders.length; at += 2) answer.append(incoming.rawHeaders[at], incoming.rawHeaders[at + 1]);
        const text = Buffer.concat(chunks);
        resolve(new Response(text.length > 0 ? text : null, { status: incoming.statusCode, headers: answer }));
      });
    });
    outgoing.end(body?.toString());
  });
}
