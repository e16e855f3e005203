// The server that the tests start for themselves: there, empty, and gone afterwards.

import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';

import { PostgreSql } from './support/postgresql.mjs';

test('PostgreSQL answers, has a database of our own, and ends with us', async () => {
  const server = await PostgreSql.start();
  try {
    assert.deepEqual(await server.query('SELECT 1, 2'), [['1', '2']]);
    const url = await server.create('portal');
    assert.deepEqual(await server.query('SELECT current_database()', url), [['portal']]);
    await assert.rejects(server.query('SELECT nothing'), /column "nothing" does not exist/);
    const stranger = Object.assign(new URL(url), { password: 'guessed' }).href;
    await assert.rejects(server.query('SELECT 1', stranger), /password authentication failed/);
  } finally {
    await server.stop();
  }
  const refused = new Promise((resolve) => net.connect(new URL(server.url).port, '127.0.0.1').on('error', ({ code }) => resolve(code)));
  assert.equal(await refused, 'ECONNREFUSED');
});
