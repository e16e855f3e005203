// Free loopback ports. They lie below those that systems give to whoever names none (32768 and up on Linux, 49152 elsewhere): else
// one of the many connections of a test may get a port between this choice and its use. All are held open together, so one
// call never hands out a port twice.

import { once } from 'node:events';
import net from 'node:net';

export async function freePorts(count) {
  const holders = [];
  for (let tries = 0; holders.length < count && tries < TRIES_MAX; tries += 1) {
    const holder = net.createServer();
    holder.listen(FIRST + Math.floor(Math.random() * (LAST - FIRST)), '127.0.0.1');
    try {
      await once(holder, 'listening');
      holders.push(holder);
    } catch (fault) {
      if (fault.code !== 'EADDRINUSE') throw fault;
    }
  }
  if (holders.length < count) throw new Error(`no ${count} free ports between ${FIRST} and ${LAST}`);
  const ports = holders.map((holder) => holder.address().port);
  await Promise.all(holders.map((holder) => new Promise((closed) => holder.close(closed))));
  return ports;
}

const FIRST = 15_000;
const LAST = 32_000;
const TRIES_MAX = 1000;
