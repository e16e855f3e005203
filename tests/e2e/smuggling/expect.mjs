// What must become of the bytes of a case, and the words that cases are written in.
//
// `TOKEN` stands for a good token. `STOLEN` is a request that nobody may ever have made: at no upstream may it show, and
// where the gateway refuses, nothing behind the case is read either.

/** No token of these tests opens it. */
export const STOLEN = 'GET /admin/stolen HTTP/1.1\r\nHost: a\r\n\r\n';
const AUTHORIZED = 'Host: a\r\nAuthorization: Bearer TOKEN\r\n';

const lines = (fields) => fields.map((field) => `${field}\r\n`).join('');
/** A good `GET /accounts` with further fields. */
export const get = (...fields) => line('GET /accounts HTTP/1.1', ...fields);
/** A request line as it is, with the fields of a good request. */
export const line = (start, ...fields) => `${start}\r\n${AUTHORIZED}${lines(fields)}\r\n`;
/** A good `POST /payments` but for its framing: fields, then the body as it is on the wire. */
export const post = (fields, body = '') => `POST /payments HTTP/1.1\r\n${AUTHORIZED}${lines([fields].flat())}\r\n${body}`;
/** A chunked `POST /payments`. */
export const chunked = (chunks, ...fields) => post(['Transfer-Encoding: chunked', ...fields], chunks);
/** A `GET /accounts` in which these fields stand for `Host`. */
export const hosted = (...fields) => `GET /accounts HTTP/1.1\r\n${lines(fields)}Authorization: Bearer TOKEN\r\n\r\n`;

/** Refused; nothing reaches the upstream; the connection ends. */
export const refused = (status = 400) => ({ answers: [[status]], upstream: [], ends: true });

/** Refused, though where the request ends is certain: the connection goes on behind it. */
export const spared = (status) => ({ answers: [[status]], upstream: [], ends: false });

/** Forwarded once, as this request: `METHOD TARGET`, body, fields that are there and fields that are not. */
export const once = (what, { body = '', has = {}, without = [], ...more } = {}) =>
  ({ answers: [[200, what]], upstream: [{ what, body, has, without }], ends: false, ...more });

/** Begun, because its head was good, and never whole at the upstream; the connection ends. */
export const broken = (status = 400) => ({ answers: [[status]], upstream: [], isPartial: true, ends: true });

/** Half a message, and then the client's end: nobody is answered and nothing arrives whole. */
export const cut = () => ({ answers: [], upstream: [], isPartial: true, ends: true, closes: true });

/** Several requests on one connection: `METHOD TARGET` is forwarded and answered, a number is a refusal. */
export const many = (outcomes, more = {}) => ({
  answers: outcomes.map((outcome) => (typeof outcome === 'number' ? [outcome] : [200, outcome])),
  upstream: outcomes.filter((outcome) => typeof outcome === 'string').map((what) => ({ what, has: {}, without: [] })),
  ends: false,
  ...more,
});
