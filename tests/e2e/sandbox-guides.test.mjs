// The programs of the page *Get started* run as they are pasted.

import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';

import { REDIRECT_URI, answer, register } from './support/person.mjs';
import { Process } from './support/processes.mjs';
import { PROGRAMS } from './support/python.mjs';
import { Sandbox } from './support/sandbox.mjs';
import { until } from './support/wait.mjs';

let sandbox;
let app;
let folder;
before(async () => {
  sandbox = await Sandbox.start();
  app = await register(sandbox, { redirect_uris: REDIRECT_URI });
  folder = await mkdtemp(path.join(os.tmpdir(), 'scopegate-guides-'));
  await symlink(fileURLToPath(new URL('node_modules', import.meta.url)), path.join(folder, 'node_modules'));
});
after(async () => {
  await sandbox?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const unescape = (text) => text.replaceAll('&#60;', '<').replaceAll('&#62;', '>').replaceAll('&#34;', '"').replaceAll('&#39;', "'").replaceAll('&#38;', '&');

/** The program in `language`, filled with the application's values. */
async function program(language) {
  const { html } = await app.developer.open(`/start?application=${app.id}`);
  const found = new RegExp(`<h2>${language}</h2>[\\s\\S]*?<code class="pick" id="program-\\d">([\\s\\S]*?)</code>`).exec(html);
  assert.ok(found, html);
  assert.ok(found[1].includes(app.id));
  return unescape(found[1]);
}

/** Starts the program, answers as the customer at the address that it prints, and brings the answer back to it. */
async function run(language, file, command, args, bring) {
  await writeFile(path.join(folder, file), await program(language));
  const running = Process.start(command, [...args, file], { cwd: folder, env: { ...process.env, CLIENT_SECRET: app.secret, PYTHONUNBUFFERED: '1' }, stdio: ['pipe', 'pipe', 'pipe'] });
  try {
    await until('an address to open', () => {
      running.assertRunning();
      return /Open (http\S+)/.test(running.stdout);
    }, { within: 20_000 });
    const back = await answer(sandbox, /Open (http\S+)/.exec(running.stdout)[1]);
    await bring(back, running);
    await until('the accounts', () => /acc-1001/.test(running.stdout), { within: 20_000 });
  } catch (failure) {
    throw new Error(`${failure.message}\n${running.stdout}${running.stderr}`, { cause: failure });
  } finally {
    await running.stop('SIGKILL');
  }
}

const visit = async (back) => assert.match(await (await fetch(back)).text(), /Done/);

test('Node', () => run('Node', 'tally.mjs', process.execPath, [], visit));
test('Python', () => run('Python', 'tally.py', path.join(PROGRAMS, 'python'), [], visit));
test('curl', () => run('curl', 'tally.sh', 'bash', [], (back, running) => running.child.stdin.write(`${back.href}\n`)));
