// The Helm chart and the plain manifests, rendered by helm and kubectl and held against Kubernetes' own schemas.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { CHART, declared, helm, kubectl } from './support/helm.mjs';

const MANIFESTS = fileURLToPath(new URL('../../deploy/kubernetes', import.meta.url));
const CONFIGURATION = path.join(MANIFESTS, 'scopegate.yaml');
/** The oldest version that the chart says it is for, and the newest that there is a schema of. */
const VERSIONS = ['1.30', '1.37'];
const BASIC = ['--set-file', `config=${CONFIGURATION}`, '--set', 'secrets[0].name=gate-tls,secrets[0].path=tls'];
const EVERYTHING = [
  ...BASIC,
  '--set', 'admin.exposed=true,autoscaling.enabled=true,serviceMonitor.enabled=true,prometheusRule.enabled=true',
  '--set', 'serviceMonitor.token.name=gate-admin,serviceMonitor.token.key=token,serviceMonitor.tlsConfig.serverName=gate',
  '--set', 'configMaps[0].name=tpp-ca,configMaps[0].path=ca,env[0].name=A,env[0].value=b,envFrom[0].secretRef.name=gate-env',
  '--set', `image.digest=sha256:${'a'.repeat(64)},imagePullSecrets[0].name=pull,priorityClassName=high,nodeSelector.disk=ssd`,
  '--set', 'tolerations[0].key=gate,tolerations[0].operator=Exists,podAnnotations.a=b,podLabels.team=door,service.type=LoadBalancer',
  '--set', 'service.externalTrafficPolicy=Local,service.loadBalancerSourceRanges[0]=192.0.2.0/24,service.annotations.a=b',
  '--set', 'networkPolicy.from[0].ipBlock.cidr=192.0.2.0/24,networkPolicy.egress[0].ports[0].port=443',
];

let folder;

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'scopegate-chart-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function rendered(...args) {
  const { code, stdout, stderr } = await helm(['template', 'gate', CHART, '--namespace', 'banking', ...args], folder);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** The text of what was refused. */
async function refused(...args) {
  const { code, stderr } = await helm(['template', 'gate', CHART, ...args], folder);
  assert.notEqual(code, 0, `taken: ${args.join(' ')}`);
  return stderr;
}

const kinds = (objects) => objects.map(({ kind }) => kind).sort();
const one = (objects, kind) => objects.find((object) => object.kind === kind).object;

/** Pod Security Standards, profile `restricted`, and what a pod of ours promises beyond it. */
function assertRestricted(spec) {
  assert.equal(spec.automountServiceAccountToken, false);
  assert.equal(spec.securityContext.runAsNonRoot, true);
  assert.deepEqual(spec.securityContext.seccompProfile, { type: 'RuntimeDefault' });
  for (const key of ['hostNetwork', 'hostPID', 'hostIPC']) assert.equal(spec[key], undefined);
  for (const container of spec.containers) {
    const { allowPrivilegeEscalation, capabilities, readOnlyRootFilesystem } = container.securityContext;
    assert.deepEqual({ allowPrivilegeEscalation, capabilities, readOnlyRootFilesystem },
      { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true });
    assert.ok(container.resources.limits.memory);
  }
}

test('helm finds nothing to say of the chart', async () => {
  const { code, stdout } = await helm(['lint', '--strict', CHART, ...BASIC], folder);
  assert.equal(code, 0, stdout);
});

test('what the chart renders is what Kubernetes knows, in its oldest and its newest version', async () => {
  for (const args of [BASIC, EVERYTHING]) {
    const text = await rendered(...args);
    for (const version of VERSIONS) {
      for (const { kind, name, fault } of await declared(text, folder, version)) {
        const isForeign = kind === 'ServiceMonitor' || kind === 'PrometheusRule';
        assert.equal(fault, isForeign ? null : '', `${kind} ${name} in ${version}`);
      }
    }
  }
});

test('a key that Kubernetes does not know is found', async () => {
  const text = (await rendered(...BASIC)).replace('automountServiceAccountToken', 'automountServiceAccountTokens');
  assert.ok((await declared(text, folder)).some(({ fault }) => fault));
});

test('the chart makes what it is asked for, and no more', async () => {
  const basic = await declared(await rendered(...BASIC), folder);
  assert.deepEqual(kinds(basic), ['ConfigMap', 'Deployment', 'NetworkPolicy', 'Pod', 'PodDisruptionBudget', 'Service', 'ServiceAccount']);
  const all = await declared(await rendered(...EVERYTHING), folder);
  for (const kind of ['HorizontalPodAutoscaler', 'ServiceMonitor']) assert.ok(kinds(all).includes(kind), kind);
  assert.equal(one(all, 'Deployment').spec.replicas, undefined, 'the autoscaler says how many');
  assert.equal(one(basic, 'ConfigMap').data['scopegate.yaml'].trim(), (await readFile(CONFIGURATION, 'utf8')).trim());
});

test('pods are restricted, and are replaced one by one without a moment of fewer', async () => {
  const objects = await declared(await rendered(...BASIC), folder);
  const { spec } = one(objects, 'Deployment');
  assertRestricted(spec.template.spec);
  assertRestricted(one(objects, 'Pod').spec);
  assert.deepEqual(spec.strategy.rollingUpdate, { maxUnavailable: 0, maxSurge: 1 });
  const [container] = spec.template.spec.containers;
  const drain = 30;
  assert.ok(spec.template.spec.terminationGracePeriodSeconds > container.lifecycle.preStop.sleep.seconds + drain);
  assert.deepEqual(container.readinessProbe.exec.command, ['/usr/bin/scopegate', 'probe', '--url', 'http://127.0.0.1:9090/readyz']);
  assert.equal(container.ports.length, 1, 'the admin listener is nobody else’s');
});

test('an exposed admin listener is probed by the kubelet, scraped with a token, and reached by nobody else', async () => {
  const objects = await declared(await rendered(...EVERYTHING), folder);
  const [container] = one(objects, 'Deployment').spec.template.spec.containers;
  assert.deepEqual(container.livenessProbe.httpGet, { path: '/livez', port: 'admin', scheme: 'HTTPS' });
  const [endpoint] = one(objects, 'ServiceMonitor').spec.endpoints;
  assert.deepEqual(endpoint.authorization, { type: 'Bearer', credentials: { name: 'gate-admin', key: 'token' } });
  const rule = one(objects, 'NetworkPolicy').spec.ingress.find(({ ports }) => ports[0].port === 'admin');
  assert.equal(rule.from.length, 1);
});

test('the rules of deploy/prometheus come as they are', async () => {
  const objects = await declared(await rendered(...EVERYTHING), folder);
  const rules = objects.filter(({ kind }) => kind === 'PrometheusRule').map(({ object }) => object.spec.groups.map(({ name }) => name));
  const files = await Promise.all(['alerts', 'scopegate'].map((name) => readFile(path.join(CHART, `../../prometheus/${name}.rules.yml`), 'utf8')));
  assert.deepEqual(rules, files.map((text) => [...text.matchAll(/^ {2}- name: (.*)$/gm)].map(([, name]) => name)));
});

test('another configuration makes other pods', async () => {
  const sum = async (...args) => one(await declared(await rendered(...args), folder), 'Deployment').spec.template.metadata.annotations['checksum/config'];
  assert.notEqual(await sum(...BASIC), await sum('--set', 'config=other'));
});

test('values that contradict each other, or are of the wrong kind, are refused in words', async () => {
  for (const [args, words] of [
    [[], /there is no configuration: --set-file config=scopegate.yaml/],
    [[...BASIC, '--set', 'existingConfigMap=a'], /only one of them/],
    [[...BASIC, '--set', 'serviceMonitor.enabled=true'], /needs admin\.exposed/],
    [[...BASIC, '--set', 'terminationGracePeriodSeconds=10'], /must be longer than preStopSleepSeconds/],
    [[...BASIC, '--set', 'admin.exposed=true', '--set-json', 'networkPolicy.adminFrom=[]'], /would let everybody come/],
    [[...BASIC, '--set', 'replicas=many'], /replicas.*want integer/],
    [[...BASIC, '--set', 'repliccas=3'], /additional properties 'repliccas' not allowed/],
    [[...BASIC, '--set', 'ports.public=443'], /minimum/],
    [[...BASIC, '--set', 'secrets[0].path=../etc'], /does not match pattern/],
    [[...BASIC, '--set', 'image.digest=sha256:abc'], /does not match pattern/],
  ]) assert.match(await refused(...args), words);
});

test('the plain manifests are what the chart renders from its defaults', async () => {
  const { code, stdout, stderr } = await kubectl(['kustomize', MANIFESTS], folder);
  assert.equal(code, 0, stderr);
  const plain = await declared(stdout, folder);
  for (const { kind, name, fault } of plain) assert.equal(fault, '', `${kind} ${name}`);
  const chart = await declared(await rendered(...BASIC, '--set', 'autoscaling.enabled=true,fullnameOverride=scopegate'), folder);
  assert.deepEqual(kinds(plain), kinds(chart).filter((kind) => kind !== 'Pod'));
  for (const { kind, object } of plain) {
    const [ours, theirs] = [object, one(chart, kind)].map((whole) => JSON.parse(JSON.stringify(whole)));
    if (kind === 'Deployment') {
      const spec = ours.spec.template.spec;
      // Kustomize names the map by what is in it, which is what the chart's checksum is for.
      assert.match(spec.volumes[0].configMap.name, /^scopegate-[0-9a-z]{10}$/);
      spec.volumes[0].configMap.name = 'scopegate';
    }
    const tell = ({ spec, data, automountServiceAccountToken }) => ({ spec: spec && kind === 'Deployment' ? { ...spec, template: spec.template.spec } : spec, data, automountServiceAccountToken });
    assert.deepEqual(tell(ours), tell(theirs), kind);
  }
});
