// HTTP/1.1 messages out of a text in Latin-1, by the letter of RFC 9112: what is not exactly right is `undefined` or thrown.

/** Every request in `text`: `{ method, target, fields, body }`. Throws where the text is not whole requests and nothing else. */
export function requests(text) {
  const found = [];
  while (text !== '') {
    const { head, rest } = cut(text);
    const line = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\/[!-~]*) HTTP\/1\.1$/.exec(head.start);
    if (!line) throw new Error(`no request line: ${JSON.stringify(head.start)}`);
    const lengths = all(head, 'content-length');
    const codings = all(head, 'transfer-encoding');
    if (lengths.length + codings.length > 1) throw new Error(`framed twice: ${JSON.stringify(head)}`);
    if (all(head, 'host').length !== 1) throw new Error(`not one host: ${JSON.stringify(head)}`);
    const body = codings.length > 0 ? dechunk(rest, codings[0]) : take(rest, lengths[0] ?? '0');
    if (!body) throw new Error(`a body that is not whole: ${JSON.stringify(rest.slice(0, 200))}`);
    found.push({ method: line[1], target: line[2], fields: head.fields, body: body.content });
    text = body.rest;
  }
  return found;
}

/** The first response in `text` and what follows it, or `undefined` while it is not whole. */
export function response(text, { isHead = false } = {}) {
  if (!text.includes('\r\n\r\n')) return undefined;
  const { head, rest } = cut(text);
  const line = /^HTTP\/1\.1 (\d{3}) [^\r\n]*$/.exec(head.start);
  if (!line) throw new Error(`no status line: ${JSON.stringify(head.start)}`);
  const status = Number(line[1]);
  const [lengths, codings] = [all(head, 'content-length'), all(head, 'transfer-encoding')];
  if (lengths.length + codings.length > 1) throw new Error(`framed twice: ${JSON.stringify(head)}`);
  const hasNone = isHead || status < 200 || status === 204 || status === 304;
  const body = hasNone ? { content: '', rest } : codings.length > 0 ? dechunk(rest, codings[0]) : take(rest, lengths[0] ?? '0');
  return body && { status, fields: head.fields, closes: all(head, 'connection').includes('close'), text: body.content, rest: body.rest };
}

function cut(text) {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) throw new Error(`half a head: ${JSON.stringify(text.slice(0, 200))}`);
  const [start, ...lines] = text.slice(0, end).split('\r\n');
  const fields = lines.map((line) => {
    const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t -~\x80-\xff]*)$/.exec(line);
    if (!field) throw new Error(`no field: ${JSON.stringify(line)}`);
    return [field[1].toLowerCase(), field[2]];
  });
  return { head: { start, fields }, rest: text.slice(end + 4) };
}

/** Every value of a field. */
export const all = ({ fields }, name) => fields.filter(([field]) => field === name).map(([, value]) => value);

function take(text, length) {
  if (!/^(0|[1-9][0-9]{0,14})$/.test(length)) throw new Error(`a length of ${JSON.stringify(length)}`);
  return text.length < Number(length) ? undefined : { content: text.slice(0, Number(length)), rest: text.slice(Number(length)) };
}

function dechunk(text, coding) {
  if (coding !== 'chunked') throw new Error(`coded as ${JSON.stringify(coding)}`);
  let content = '';
  for (;;) {
    const line = /^([0-9a-f]{1,15})\r\n/.exec(text);
    if (!line) {
      if (/^[0-9a-f]{0,15}\r?$/.test(text)) return undefined;
      throw new Error(`no chunk size: ${JSON.stringify(text.slice(0, 80))}`);
    }
    const [size, from] = [Number.parseInt(line[1], 16), line[0].length];
    if (size === 0) break;
    if (text.length < from + size + 2) return undefined;
    content += text.slice(from, from + size);
    if (text.slice(from + size, from + size + 2) !== '\r\n') throw new Error('a chunk without its end');
    text = text.slice(from + size + 2);
  }
  // Trailers, if any.
  const end = text.indexOf('\r\n\r\n');
  return end < 0 ? undefined : { content, rest: text.slice(end + 4) };
}
