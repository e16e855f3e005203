// What an upstream may send instead of an answer: `[name, octets, what the client may see, how it is sent]`. `EVIL` behind an
// answer would be the next client's if somebody took it for one.

/** Never anybody's answer. */
export const EVIL = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Evil: 1\r\n\r\nevil';
const OK = 'HTTP/1.1 200 OK\r\n';
const head = (...fields) => `${OK}${fields.map((field) => `${field}\r\n`).join('')}\r\n`;

/** The client is told that the upstream gave no valid answer. */
const bad = { status: [502] };
/** The head had gone: the client sees a message that is not whole, or nothing. */
const aborted = { status: [200], isCut: true };
/** The client gets this, whole. */
const whole = (status, text, more = {}) => ({ status: [status], text, ...more });

export const ANSWERS = [
  // RFC 9112 §6.3: where the body ends.
  ['CL and TE', `${head('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n${EVIL}`, bad],
  ['TE and CL', `${head('Transfer-Encoding: chunked', 'Content-Length: 5')}0\r\n\r\n${EVIL}`, bad],
  ['two CL that differ', `${head('Content-Length: 2', 'Content-Length: 5')}hello`, bad],
  ['two CL that agree', `${head('Content-Length: 5', 'Content-Length: 5')}hello`, bad],
  ['a list of CL', `${head('Content-Length: 5, 5')}hello`, bad],
  ['CL with plus', `${head('Content-Length: +5')}hello`, bad],
  ['CL negative', `${head('Content-Length: -5')}hello`, bad],
  ['CL hexadecimal', `${head('Content-Length: 0x5')}hello`, bad],
  ['CL with leading zeros', `${head('Content-Length: 010')}helloworld`, bad],
  ['CL empty', `${head('Content-Length:')}hello`, bad],
  ['CL past 2^64', `${head('Content-Length: 18446744073709551621')}hello`, bad],
  ['CL folded', `${OK}Content-Length:\r\n 5\r\n\r\nhello`, bad],
  ['space before the colon of CL', `${head('Content-Length : 5')}hello`, bad],
  ['TE twice', `${head('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')}0\r\n\r\n`, bad],
  ['TE gzip, chunked', `${head('Transfer-Encoding: gzip, chunked')}0\r\n\r\n`, bad],
  ['TE chunked, identity', `${head('Transfer-Encoding: chunked, identity')}0\r\n\r\n`, bad],
  ['TE identity', `${head('Transfer-Encoding: identity')}hello`, bad],
  ['TE xchunked', `${head('Transfer-Encoding: xchunked')}0\r\n\r\n`, bad],
  ['TE with a vertical tab', `${head('Transfer-Encoding: chunked\x0b')}0\r\n\r\n`, bad],
  ['TE folded', `${OK}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`, bad],
  ['TE in HTTP/1.0', `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, bad],
  // Status line and fields.
  ['a bare LF for every line end', 'HTTP/1.1 200 OK\nContent-Length: 5\n\nhello', bad],
  ['a bare LF in a field: a second one to some', `${head('X: y\nSet-Cookie: evil=1', 'Content-Length: 5')}hello`, bad],
  ['a bare CR in a field', `${head('X: y\rSet-Cookie: evil=1', 'Content-Length: 5')}hello`, bad],
  ['NUL in a field', `${head('X: y\0z', 'Content-Length: 5')}hello`, bad],
  ['a folded field', `${head('X: y\r\n z', 'Content-Length: 5')}hello`, bad],
  ['an empty field name', `${head(': y', 'Content-Length: 5')}hello`, bad],
  ['a field without a colon', `${head('x', 'Content-Length: 5')}hello`, bad],
  ['a space in a field name', `${head('x y: z', 'Content-Length: 5')}hello`, bad],
  ['a space before a colon', `${head('x : z', 'Content-Length: 5')}hello`, bad],
  ['a field name beyond ASCII', `${head('x\xff: z', 'Content-Length: 5')}hello`, bad],
  ['64 KiB of head', `${head(`X: ${'y'.repeat(65_600)}`, 'Content-Length: 5')}hello`, bad],
  ['64 KiB of head in small fields', `${head(...Array.from({ length: 90 }, () => `X: ${'y'.repeat(730)}`), 'Content-Length: 5')}hello`, bad],
  ['a hundred and one fields', `${head(...Array.from({ length: 101 }, () => 'X: y'), 'Content-Length: 5')}hello`, bad],
  ['HTTP/2 in the status line', `HTTP/2 200 OK\r\nContent-Length: 5\r\n\r\nhello`, bad],
  ['HTTP/0.9: a body alone', 'hello', bad],
  ['a status of 99', `HTTP/1.1 099 OK\r\nContent-Length: 5\r\n\r\nhello`, bad],
  ['a status of four digits', `HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello`, bad],
  ['a negative status', `HTTP/1.1 -200 OK\r\nContent-Length: 5\r\n\r\nhello`, bad],
  ['no status', `HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello`, bad],
  ['a request for an answer', `GET /admin/stolen HTTP/1.1\r\nHost: a\r\n\r\n`, bad],
  ['NUL before the answer', `\0${head('Content-Length: 5')}hello`, bad],
  ['half a head, then the end', 'HTTP/1.1 200 OK\r\nContent-Le', bad, { closes: true }],
  ['nothing, then the end', '', bad, { closes: true }],
  // Interim answers (RFC 9110 §15.2).
  ['101 that nobody asked for', `HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n${EVIL}`, bad],
  ['101 behind 100', `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n${EVIL}`, bad],
  ['a few interim ones', `${'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(3)}${head('Content-Length: 5')}hello`, whole(200, 'hello')],
  ['an interim one with a length', `HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n${head('Content-Length: 5')}hello`, { status: [200, 502] }],
  ['a thousand interim ones', `${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1000)}${head('Content-Length: 5')}hello`, { status: [200, 502] }],
  ['interim ones for ever', 'HTTP/1.1 100 Continue\r\n\r\n', { status: [502, 504] }, { repeats: true }],
  // Bodies that break off.
  ['a length that promises too much', `${head('Content-Length: 10')}hello`, aborted, { closes: true }],
  ['a chunk that is cut', `${head('Transfer-Encoding: chunked')}ff\r\nhello`, aborted, { closes: true }],
  ['no last chunk', `${head('Transfer-Encoding: chunked')}5\r\nhello\r\n`, aborted, { closes: true }],
  ['a chunk size of letters', `${head('Transfer-Encoding: chunked')}5\r\nhello\r\nxyz\r\n`, aborted],
  ['a chunk size with 0x', `${head('Transfer-Encoding: chunked')}0x5\r\nhello\r\n0\r\n\r\n`, aborted],
  ['a chunk size past 2^64', `${head('Transfer-Encoding: chunked')}10000000000000005\r\nhello\r\n0\r\n\r\n`, aborted],
  ['a chunk line ended by LF', `${head('Transfer-Encoding: chunked')}5\nhello\r\n0\r\n\r\n`, aborted],
  ['a chunk extension with LF', `${head('Transfer-Encoding: chunked')}5;a\nb\r\nhello\r\n0\r\n\r\n`, aborted],
  ['other octets behind a chunk', `${head('Transfer-Encoding: chunked')}5\r\nhelloXX0\r\n\r\n`, aborted],
  ['a trailer that is another answer', `${head('Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n${EVIL}`, aborted],
  // More than an answer: what follows is nobody's.
  ['octets behind a length', `${head('Content-Length: 5')}hello${EVIL}`, whole(200, 'hello')],
  ['octets behind a length of zero', `${head('Content-Length: 0')}${EVIL}`, whole(200, '')],
  ['octets behind the last chunk', `${head('Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n${EVIL}`, whole(200, 'hello')],
  ['a body behind 204', `HTTP/1.1 204 No Content\r\n\r\n${EVIL}`, whole(204, '')],
  ['a body behind 204 with its length', `HTTP/1.1 204 No Content\r\nContent-Length: ${EVIL.length}\r\n\r\n${EVIL}`, { status: [204, 502] }],
  ['chunks behind 204', `HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n`, { status: [204, 502] }],
  ['a body behind 304', `HTTP/1.1 304 Not Modified\r\nContent-Length: ${EVIL.length}\r\n\r\n${EVIL}`, whole(304, '')],
  ['a body behind HEAD', `${head(`Content-Length: ${EVIL.length}`)}${EVIL}`, whole(200, ''), { method: 'HEAD' }],
  ['chunks behind HEAD', `${head('Transfer-Encoding: chunked')}4\r\nevil\r\n0\r\n\r\n${EVIL}`, whole(200, ''), { method: 'HEAD' }],
  ['two answers at once', `${head('Content-Length: 5')}hello${EVIL}${EVIL}`, whole(200, 'hello')],
  ['a late answer on a connection that rests', `${head('Content-Length: 5')}hello`, whole(200, 'hello'), { later: EVIL }],
  ['a late octet on a connection that rests', `${head('Content-Length: 5')}hello`, whole(200, 'hello'), { later: 'H' }],
  ['a body until the end', `${head()}hello`, whole(200, 'hello'), { closes: true }],
  ['Connection: close, and it stays open', `${head('Connection: close', 'Content-Length: 5')}hello${EVIL}`, whole(200, 'hello')],
  // Fields that are not the upstream's to set.
  ['Connection nominates its framing', `${head('Connection: content-length', 'Content-Length: 5')}hello`, whole(200, 'hello')],
  ['hop-by-hop fields', `${head('Keep-Alive: x', 'Proxy-Authenticate: x', 'Upgrade: h2c', 'Trailer: x', 'Content-Length: 5')}hello`, whole(200, 'hello')],
];

/** An answer before the request is one to nobody: it waits on a connection that was just opened. */
export const EARLY = ['an answer before the request', EVIL];
