// The units in deploy/, as systemd reads them, and the manual's pages, as mandoc does.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { PROGRAM } from './support/gateway.mjs';
import { Process, which } from './support/processes.mjs';
import { analyze } from './support/systemd.mjs';

const UNITS = ['scopegate.service', 'scopegate.socket'];
/** Tenths of systemd's exposure level, which goes from 0 to 10; it calls 2.0 and less "OK". */
const EXPOSURE_MAX = 20;

let folder;

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'scopegate-units-'));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Writes both units, changed, with the program where it is here: one that is not there is a fault to systemd. */
async function units(change = (text) => text) {
  const files = [];
  for (const name of UNITS) {
    const text = await readFile(new URL(`../../deploy/${name}`, import.meta.url), 'utf8');
    const file = path.join(folder, name);
    await writeFile(file, change(text.replaceAll('/usr/bin/scopegate', PROGRAM)));
    files.push(file);
  }
  return files;
}

test('systemd finds nothing to say of the units', async () => {
  const { code, output } = await analyze('verify', '--man=no', ...(await units()));
  assert.deepEqual({ code, output }, { code: 0, output: '' });
});

test('a misspelt line is found', async () => {
  const { output } = await analyze('verify', '--man=no', ...(await units((text) => text.replace('NoNewPrivileges', 'NoNewPrivilege'))));
  assert.match(output, /Unknown key( name)? 'NoNewPrivilege'/);
});

test('the service is exposed as little as systemd can say', async () => {
  const [service] = await units();
  const { code, output } = await analyze('security', '--offline=true', `--threshold=${EXPOSURE_MAX}`, service);
  assert.equal(code, 0, output);
  const open = await units((text) => text.replace(/^(Protect|Restrict|Private|SystemCall|Capability|NoNew|Memory|Lock).*\n/gm, ''));
  assert.notEqual((await analyze('security', '--offline=true', `--threshold=${EXPOSURE_MAX}`, open[0])).code, 0);
});

test('mandoc finds nothing wrong with the pages of the manual', async () => {
  const pages = path.join(folder, 'man1');
  const made = Process.start(PROGRAM, ['man', '--out', pages]);
  assert.equal((await made.ended).code, 0, made.stderr);
  const mandoc = await which(['mandoc']);
  for (const page of ['scopegate.1', 'scopegate-serve.1', 'scopegate-probe.1']) {
    const read = Process.start(mandoc, ['-T', 'lint', '-W', 'warning', path.join(pages, page)]);
    await read.ended;
    // They have no date: the same sources shall make the same pages on every day.
    const found = (read.stdout + read.stderr).split('\n').filter((line) => line && !/missing date|cannot parse date/.test(line));
    assert.deepEqual(found, []);
  }
});
