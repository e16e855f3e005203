// What is in deploy/ is read as its users' tools read it, and the demo runs as far as it can without an engine.

import assert from 'node:assert/strict';
import { access, cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Demo } from './support/demo.mjs';
import { PROGRAM } from './support/gateway.mjs';
import { Process } from './support/processes.mjs';
import { python, run } from './support/python.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DEPLOY = path.join(ROOT, 'deploy');
const SCRIPTS = ['tests/run.sh', 'tests/setup.sh', 'tests/postgres.sh', '.ci/run', '.ci/dependencies', 'deploy/compose/demo.sh', 'deploy/release/build.sh'];

let demo;
let folder;

before(async () => {
  demo = await Demo.prepare();
  folder = await mkdtemp(path.join(os.tmpdir(), 'scopegate-deploy-'));
});
after(async () => {
  await demo?.stop();
  await rm(folder, { recursive: true, force: true });
});

const text = (file) => readFile(path.join(ROOT, file), 'utf8');

/** What the demo answers to somebody with this token. */
async function asked(url, token) {
  const ca = await readFile(path.join(demo.folder, 'run/authority.pem'));
  return new Promise((resolve, reject) => {
    https.get(url, { ca, headers: { authorization: `Bearer ${token}` } }, (response) => {
      let body = '';
      response.on('data', (part) => (body += part)).on('end', () => resolve({ status: response.statusCode, text: body }));
    }).on('error', reject);
  });
}

/** Runs a program to its end: `{ code, stdout, stderr }`. */
async function ended(program, args, options) {
  const started = Process.start(program, args, options);
  const { code, error } = await started.ended;
  if (error) throw error;
  return { code, stdout: started.stdout, stderr: started.stderr };
}

test('hadolint finds nothing to say of the Dockerfile', async () => {
  const { code, stdout, stderr } = await run('hadolint', ['--failure-threshold', 'style', path.join(DEPLOY, 'Dockerfile')]);
  assert.equal(code, 0, stdout + stderr);
  const careless = path.join(folder, 'Dockerfile');
  await writeFile(careless, 'FROM debian\nRUN cd /tmp && apt-get install curl\n');
  assert.notEqual((await run('hadolint', [careless])).code, 0);
});

test('the image is built by the toolchain of Cargo.toml, without the sandbox, and runs as nobody', async () => {
  const dockerfile = await text('deploy/Dockerfile');
  const [, minimum] = /rust-version = "([\d.]+)"/.exec(await text('Cargo.toml'));
  assert.ok(dockerfile.includes(`RUST_IMAGE=rust:${minimum}.`), 'the image is older than the toolchain that the crate asks for');
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  for (const line of ['USER 65532:65532', 'STOPSIGNAL SIGTERM', 'HEALTHCHECK', 'COPY --from=build ', 'CMD ["serve"']) assert.ok(last.includes(line), line);
  const [, ours] = /\nARG FEATURES="(.*)"/.exec(dockerfile);
  const [, defaults] = /\ndefault = \[(.*)\]/.exec(await text('Cargo.toml'));
  const wanted = defaults.split(', ').map((name) => name.replaceAll('"', '')).filter((name) => name !== 'sandbox');
  assert.deepEqual(ours.split(',').filter(Boolean), wanted);
  assert.ok(dockerfile.includes('--no-default-features --features "${FEATURES}"'));
});

test('what .dockerignore lets in is enough to build, and no more than sources', async () => {
  const allowed = (await text('.dockerignore')).split('\n').filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  assert.ok((await text('.dockerignore')).includes('\n*\n'), 'everything else is left out');
  assert.deepEqual(allowed.sort(), ['.cargo', 'Cargo.lock', 'Cargo.toml', 'LICENSE', 'benches', 'deploy/release', 'src']);
  const context = path.join(folder, 'context');
  await mkdir(context);
  for (const name of allowed) await cp(path.join(ROOT, name), path.join(context, name), { recursive: true });
  const { code, stderr } = await ended('cargo', ['metadata', '--locked', '--offline', '--no-deps', '--format-version', '1'], { cwd: context });
  assert.equal(code, 0, stderr);
});

test('shellcheck finds nothing to say of the scripts', async () => {
  const { code, stdout } = await run('shellcheck', SCRIPTS.map((file) => path.join(ROOT, file)));
  assert.equal(code, 0, stdout);
});

test('a release that cannot be trained says what it takes, and builds nothing', async () => {
  const built = path.join(folder, 'built');
  const build = (args, env = {}) =>
    ended(path.join(DEPLOY, 'release/build.sh'), args, { env: { ...process.env, CARGO_TARGET_DIR: built, ...env } });
  const help = await build(['--help']);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /^usage: deploy\/release\/build\.sh /);
  for (const [args, env, said] of [
    [[], { LLVM_PROFDATA: '/bin/false' }, /rustup component add llvm-tools\n/],
    [['--profile', 'nowhere'], {}, /no such file: nowhere/],
    [['--profile', path.join(DEPLOY, 'release/build.sh')], {}, /is of other sources, another compiler or other arguments/],
    [['--target', 'x86_64-unknown-linux-musl'], {}, /trained by running it here/],
    [['--cpu'], {}, /--cpu: which\?/],
  ]) {
    const { code, stderr } = await build(args, env);
    assert.equal(code, 1, stderr);
    assert.match(stderr, said);
  }
  await assert.rejects(access(path.join(built, 'release')));
});

test('the load that a release is trained on passes', { timeout: 600_000 }, async () => {
  const args = ['bench', '--quiet', '--locked', '--profile', 'dev', '--all-features', '--bench', 'train', '--', '--scopegate', PROGRAM, '--short'];
  const { code, stdout, stderr } = await ended('cargo', args, { cwd: ROOT });
  assert.equal(code, 0, stdout + stderr);
});

test('the compose file is one, and every service in it is held', async () => {
  const { code, stdout, stderr } = await run('docker-compose', ['-f', path.join(DEPLOY, 'compose.yaml'), 'config', '--format', 'json']);
  assert.equal(code, 0, stderr);
  const { services } = JSON.parse(stdout);
  assert.deepEqual(Object.keys(services).sort(), ['accounts', 'gateway', 'grafana', 'payments', 'prometheus', 'valkey']);
  for (const [name, service] of Object.entries(services)) {
    assert.equal(service.read_only, true, name);
    assert.deepEqual(service.cap_drop, ['ALL'], name);
    assert.deepEqual(service.security_opt, ['no-new-privileges:true'], name);
    assert.match(service.user, /^[1-9]\d*:\d+$/, `${name} is root`);
    assert.ok(service.healthcheck.test.length > 1, name);
    assert.ok(Number(service.deploy.resources.limits.memory) > 0 && service.deploy.resources.limits.cpus > 0, name);
    assert.match(service.image, /:[\w.-]*\d/, `${name} is not pinned`);
    for (const { host_ip: address } of service.ports ?? []) assert.equal(address, '127.0.0.1', name);
    for (const { type, source, target, read_only: isReadOnly } of service.volumes ?? []) {
      if (type !== 'bind') continue;
      assert.equal(isReadOnly, true, `${name}: ${target}`);
      // What demo.sh makes is looked for where it made it.
      const file = source.replace(path.join(DEPLOY, 'compose/run'), path.join(demo.folder, 'run'));
      await access(file).catch(() => assert.fail(`${name} mounts ${source}, which is not there`));
    }
  }
  assert.ok(parseInt(services.gateway.stop_grace_period, 10) > 20, 'the drain is not waited for');
});

test('what demo.sh makes is for nobody else', async () => {
  assert.equal((await stat(path.join(demo.folder, 'run'))).mode & 0o777, 0o700);
  for (const key of ['issuer.key', 'authority.key']) assert.equal((await stat(path.join(demo.folder, 'run', key))).mode & 0o777, 0o600);
  const mounted = JSON.stringify(await text('deploy/compose.yaml'));
  assert.ok(!/issuer\.key|authority\.key/.test(mounted), 'a private key is mounted');
});

test('the demo answers as its rules say, with tokens that openssl signed', async () => {
  await demo.start();
  const counts = await demo.script('calls', '60');
  assert.deepEqual(counts.trim().split('\n').map((line) => line.trim()).sort(), ['10 401', '10 403', '40 200']);
  const seen = await asked(`${demo.url}/accounts`, (await demo.script('token')).trim());
  const { method, path: target, client, subject, scope } = JSON.parse(seen.text);
  assert.deepEqual({ method, target, client, subject, scope }, { method: 'GET', target: '/accounts', client: 'tally', subject: 'alice', scope: 'accounts' });
});

test('Prometheus is let in with its token, and nobody without', async () => {
  const token = (await readFile(path.join(demo.folder, 'run/admin.token'), 'utf8')).trim();
  const { status, text: metrics } = await asked(`${demo.adminUrl}/metrics`, token);
  assert.equal(status, 200);
  assert.match(metrics, /^scopegate_requests_total\{.*reason="scope_missing".*\} 10$/m);
  assert.equal((await asked(`${demo.adminUrl}/metrics`, 'x'.repeat(64))).status, 401);
});

test('scopegate check takes the configurations of deploy/', async () => {
  assert.match(await demo.scopegate('check', demo.configuration), /^config OK: 4 routes, 1 issuer, 2 upstreams\n/);
  // The same with what a Secret holds, named as Kubernetes names it.
  const pod = path.join(demo.root, 'pod');
  await mkdir(path.join(pod, 'tls'), { recursive: true });
  for (const [from, to] of [['gateway.pem', 'tls.crt'], ['gateway.key', 'tls.key']]) await cp(path.join(demo.folder, 'run', from), path.join(pod, 'tls', to));
  const file = path.join(pod, 'scopegate.yaml');
  await writeFile(file, (await text('deploy/kubernetes/scopegate.yaml')).replaceAll('/var/lib/scopegate', demo.root));
  assert.match(await demo.scopegate('check', file), /^config OK: 1 route, 1 issuer, 1 upstream\n/);
});

test('the schema for editors takes what is served, and finds what is misspelt', async () => {
  const schema = path.join(folder, 'scopegate.schema.json');
  await writeFile(schema, await demo.scopegate('schema'));
  const good = ['config/scopegate.yaml', 'deploy/compose/scopegate.yaml', 'deploy/kubernetes/scopegate.yaml'];
  const [misspelt, ...more] = ['five-faults', 'no-routes', 'empty'].map((name) => `tests/fixtures/config/${name}.yaml`);
  const faults = await python('schema.py', schema, ...[...good, misspelt, ...more].map((name) => path.join(ROOT, name)));
  for (const name of good) assert.deepEqual(faults[path.join(ROOT, name)], [], name);
  for (const name of [misspelt, ...more]) assert.notDeepEqual(faults[path.join(ROOT, name)], [], name);
  assert.ok(faults[path.join(ROOT, misspelt)].some((fault) => fault.includes("'relm' was unexpected")));
});

test('bash completes commands, their flags and their values', async () => {
  const script = path.join(folder, 'scopegate.bash');
  await writeFile(script, (await ended(PROGRAM, ['completions', 'bash'])).stdout);
  const asked = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _scopegate scopegate "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"; echo "${COMPREPLY[@]}"';
  const completed = async (...words) => {
    const { code, stdout, stderr } = await ended('bash', ['-euc', asked, 'bash', script, 'scopegate', ...words]);
    assert.equal(code, 0, stderr);
    return stdout.trim().split(' ');
  };
  assert.deepEqual(await completed('ro'), ['routes']);
  assert.deepEqual(await completed('serve', '--con'), ['--config']);
  assert.deepEqual(await completed('completions', 'z'), ['zsh']);
});
