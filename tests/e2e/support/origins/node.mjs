// An upstream: Node's own HTTP server. Reads each body to its end, logs the request, answers with its first line.
// Arguments: port, log file.

import { appendFileSync } from 'node:fs';
import http from 'node:http';

const [port, file] = process.argv.slice(2);
const log = (entry) => appendFileSync(file, `${JSON.stringify(entry)}\n`);

const server = http.createServer((incoming, outgoing) => {
  const pieces = [];
  incoming.on('data', (piece) => pieces.push(piece));
  incoming.on('error', () => {});
  incoming.on('end', () => {
    const { method, url: target } = incoming;
    log({ method, target, body: Buffer.concat(pieces).toString('latin1'), status: 200 });
    outgoing.setHeader('content-type', 'text/plain');
    const text = `${method} ${target}`;
    outgoing.setHeader('content-length', text.length);
    outgoing.end(method === 'HEAD' ? undefined : text);
  });
});
server.on('clientError', (error, socket) => {
  log({ method: '', target: `${error.code}`, body: '', status: 400 });
  socket.destroy();
});
server.keepAliveTimeout = 60_000;
server.listen(Number(port), '127.0.0.1', () => console.log('listening'));
