// The Python parts are there, and what looks for faults in an API finds some.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import { python } from './support/python.mjs';
import { drive } from './support/schemathesis.mjs';

const DOCUMENT = {
  openapi: '3.1.0',
  info: { title: 'A small API', version: '1' },
  paths: {
    '/things/{id}': {
      get: {
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer', minimum: 1, maximum: 100 } }],
        responses: {
          200: { description: 'The thing', content: { 'application/json': { schema: { type: 'object', required: ['id'], properties: { id: { type: 'integer' } } } } } },
          404: { description: 'None' },
        },
      },
    },
  },
};
const good = (response, id) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id }));

/** Drives a server whose answer to `/things/{id}` is made by `answer`. */
async function driven(answer) {
  let asked = 0;
  const server = http.createServer((request, response) => {
    if (request.headers.authorization === 'Bearer small') asked += 1;
    const id = Number(/^\/things\/(\d{1,3})$/.exec(request.url)?.[1]);
    if (request.method === 'GET' && id >= 1 && id <= 100) answer(response, id);
    else response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const folder = await mkdtemp(path.join(os.tmpdir(), 'scopegate-document-'));
  const document = path.join(folder, 'openapi.json');
  await writeFile(document, JSON.stringify(DOCUMENT));
  try {
    await drive({ document, url: `http://127.0.0.1:${server.address().port}`, headers: { authorization: 'Bearer small' }, phases: ['fuzzing'] });
    return asked;
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

test('the pinned libraries are those that are here', async () => {
  const pinned = await readFile(new URL('requirements.txt', import.meta.url), 'utf8');
  for (const [name, version] of Object.entries(await python('versions.py'))) assert.ok(pinned.includes(`\n${name}==${version} `), `${name} ${version}`);
});

test('schemathesis drives an API that keeps to its document, and finds nothing', async () => {
  assert.ok(await driven(good) >= 10);
});

test('schemathesis finds an answer that is outside its schema', async () => {
  await assert.rejects(driven((response) => good(response, 'one')), /Response violates schema/);
});

test('schemathesis finds an answer that is our fault', async () => {
  await assert.rejects(driven((response, id) => (id === 1 ? response.writeHead(500).end() : good(response, id))), /Server error/);
});
