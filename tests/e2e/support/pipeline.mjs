// Many requests over a few keep-alive connections, each sent before the answer to the last has come.

import net from 'node:net';

import { within } from './wait.mjs';

/** Sends every request, `{ method, target, fields }`, and gives the answers, `{ status, challenge }`, in the same order. */
export async function pipeline(port, requests, { connections = 4, depth = 24 } = {}) {
  const answers = new Array(requests.length);
  const queues = Array.from({ length: connections }, (_, lane) => requests.map((_, at) => at).filter((at) => at % connections === lane));
  await Promise.all(queues.map((queue) => drain(port, requests, answers, queue, depth)));
  return answers;
}

/** What was not answered when a connection ends is sent on the next: nothing behind a closing answer was read. */
async function drain(port, requests, answers, queue, depth) {
  while (queue.length > 0) {
    const before = queue.length;
    await within(30_000, 'answers on a connection', connection(port, requests, answers, queue, depth));
    if (queue.length === before) throw new Error(`no answer to ${JSON.stringify(requests[queue[0]].fields)}`);
  }
}

function connection(port, requests, answers, queue, depth) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    let [received, sent] = ['', 0];
    const send = () => {
      while (sent < Math.min(depth, queue.length)) socket.write(bytes(requests[queue[sent++]]), 'latin1');
      if (queue.length === 0) socket.end();
    };
    socket.setEncoding('latin1');
    socket.setNoDelay(true);
    socket.on('connect', send);
    socket.on('error', reject);
    socket.on('close', resolve);
    socket.on('data', (chunk) => {
      received += chunk;
      for (;;) {
        const answer = parse(received);
        if (!answer) break;
        received = received.slice(answer.length);
        answers[queue.shift()] = answer;
        sent -= 1;
        if (answer.closes) return socket.destroy();
      }
      send();
    });
  });
}

function bytes({ method, target, fields }) {
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `${method} ${target} HTTP/1.1\r\nhost: api.bank.example\r\n${lines}\r\n`;
}

/** The first answer in the text, if it is complete. Ours have a length. */
function parse(text) {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = text.slice(0, end);
  const field = (name) => new RegExp(`^${name}: *(.*?)\\r?$`, 'im').exec(head)?.[1];
  const length = end + 4 + Number(field('content-length') ?? NaN);
  if (Number.isNaN(length)) throw new Error(`an answer without a length:\n${head}`);
  if (text.length < length) return undefined;
  return { status: Number(head.slice(9, 12)), challenge: field('www-authenticate'), closes: field('connection') === 'close', length };
}
