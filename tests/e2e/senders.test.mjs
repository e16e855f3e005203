// Tokens bound to their sender by a certified authorization server, shown by a client that others wrote, through the
// gateway over TLS with `profile: fapi2`: E10 to E14, MTLS-1, MTLS-7, DPOP-1 to DPOP-21, INT-9, JWT-3, BEAR-5.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';

import * as oauth from 'oauth4webapi';

import { ThirdParty } from './support/bound.mjs';
import { selfSigned } from './support/certificate.mjs';
import { AUDIENCE, signingKey } from './support/issuer.mjs';
import { until } from './support/wait.mjs';
import { World } from './support/world.mjs';

const FORMATS = ['jwt', 'opaque'];
const ALGS = 'algs="ES256 PS256 EdDSA"';
const ROUTES = `
  - { path: /accounts, methods: [GET], scopes: [accounts], upstream: api }`;
const certificates = Object.fromEntries(['issuer', 'gateway', 'tpp', 'other'].map((name) => [name, selfSigned(name)]));
const ca = [certificates.issuer.cert, certificates.gateway.cert];

let world;
let started;
let gateway;
let issuer;
let url;
/** With its certificate, with none, and with somebody else's. */
let [certified, bare, other] = [];
/** Another key of the issuer's, for tokens by an algorithm that the profile does not allow. */
let rsa;
/** What `dpop:` says. */
let dpop = '{}';

before(async () => {
  world = await World.create();
  ({ gateway, issuer } = world);
  rsa = await signingKey('rsa', 'RS256');
  issuer.tls = { cert: certificates.issuer.cert, key: certificates.issuer.key };
  [certified, bare, other] = [certificates.tpp, undefined, certificates.other].map((certificate) => new ThirdParty(issuer, { ca, certificate }));
  const files = {
    'gateway.pem': certificates.gateway.cert, 'gateway.key': certificates.gateway.key, 'issuer.pem': certificates.issuer.cert,
    secret: 'gate-secret-for-tests-only',
  };
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(path.join(world.folder, name), text)));
  url = `https://127.0.0.1:${gateway.port}/accounts`;
  const plain = gateway.configuration.bind(gateway);
  const tls = 'tls: { certificate: gateway.pem, key: gateway.key, client_certificate: optional }';
  const asked = `introspection: { endpoint: "${issuer.url}/token/introspection", client_id: gate, ` +
    'client_secret: { file: secret }, ca_file: issuer.pem }';
  gateway.configuration = () =>
    plain(ROUTES)
      .replace('server: {', `server: { profile: fapi2, public_origin: "https://127.0.0.1:${gateway.port}", ${tls}, `)
      .replace('/jwks", ', '/jwks", ca_file: issuer.pem, ')
      .replace('    jwks:', `    ${asked}\n    jwks:`) + `dpop: ${dpop}\n`;
  await Promise.all([issuer.start([...issuer.keys, rsa]), world.upstream.start()]);
  await gateway.start();
  started = Date.now();
});
after(() => world?.stop());

for (const format of FORMATS) {
  test(`${format}: a client of DPoP is let in, again and again, and the token in no other hands`, async () => {
    const keys = await ThirdParty.keys();
    const token = await bare.token(format, keys);
    assert.equal(token.split('.').length === 3, format === 'jwt');
    const handle = oauth.DPoP({ client_id: 'tpp-machine' }, keys);
    for (let turn = 0; turn < 3; turn += 1) {
      const answer = await oauth.protectedResourceRequest(token, 'GET', new URL(url), undefined, undefined,
        { DPoP: handle, [oauth.customFetch]: bare.fetch });
      assert.equal(answer.status, 200);
      const seen = await answer.text();
      assert.match(seen, /^x_auth_client_id=tpp-machine$/m);
      assert.match(seen, /^authorization=$/m);
    }

    const good = await proof(keys, token);
    assert.equal((await ask(bare, { authorization: `DPoP ${token}`, dpop: good })).status, 200);
    const stranger = await ThirdParty.keys();
    const rows = [
      ['E11 as Bearer', bare, { authorization: `Bearer ${token}` }, AVOIDED],
      ['E11 as Bearer with a proof', bare, { authorization: `Bearer ${token}`, dpop: await proof(keys, token) }, AVOIDED],
      ['E11 a certificate in place of a proof', certified, { authorization: `Bearer ${token}` }, AVOIDED],
      ['E12 without a proof', bare, { authorization: `DPoP ${token}` }, badProof('The DPoP scheme needs a DPoP header with one proof')],
      ['E12 the same proof again', bare, { authorization: `DPoP ${token}`, dpop: good }, badProof('The DPoP proof was used before')],
      ['E12 a proof for another token', bare, { authorization: `DPoP ${token}`, dpop: await proof(keys, `${token}x`) }, MISPLACED],
      ['E13 by another key', bare, { authorization: `DPoP ${token}`, dpop: await proof(stranger, token) }, KEY_WRONG],
    ];
    await refused(rows);
  });

  test(`${format}: a token bound to a certificate is good with that certificate only`, async () => {
    const token = await certified.token(format);
    for (let turn = 0; turn < 3; turn += 1) {
      const answer = await oauth.protectedResourceRequest(token, 'GET', new URL(url), undefined, undefined, { [oauth.customFetch]: certified.fetch });
      assert.equal(answer.status, 200, await answer.text());
    }
    const keys = await ThirdParty.keys();
    await refused([
      ['E10 no certificate', bare, { authorization: `Bearer ${token}` }, CERTIFICATE_WRONG],
      ['E10 another certificate', other, { authorization: `Bearer ${token}` }, CERTIFICATE_WRONG],
      ['E13 a proof in place of a certificate', bare, { authorization: `DPoP ${token}`, dpop: await proof(keys, token) },
        `${CERTIFICATE_WRONG.replace('Bearer', 'DPoP')}, ${ALGS}`],
      ['E13 a proof beside the certificate', certified, { authorization: `DPoP ${token}`, dpop: await proof(keys, token) }, KEY_WRONG],
    ]);
    // WSO2 api-manager#1344: by then the verdict was remembered, and the binding was asked for all the same.
    // Whoever was refused spoilt nothing for the holder.
    assert.equal((await ask(certified, { authorization: `Bearer ${token}` })).status, 200);
  });

  test(`${format}: what FAPI 2.0 forbids in a proof is refused, and what it allows passes`, async () => {
    const keys = await ThirdParty.keys();
    const token = await bare.token(format, keys);
    const theirs = await crypto.subtle.exportKey('jwk', (await ThirdParty.keys()).publicKey);
    const now = Math.floor(Date.now() / 1000);
    const [malformed, stale] = [badProof('The DPoP proof is malformed'), badProof('The DPoP proof was not made just now')];
    const absent = ['typ', 'alg', 'jwk'].map((name) => [`DPOP-3 no ${name}`, (header) => delete header[name], malformed])
      .concat(['jti', 'htm', 'htu', 'iat', 'ath'].map((name) => [`DPOP-3 no ${name}`, (_, claims) => delete claims[name], malformed]));
    const rows = [
      ...absent,
      ['DPOP-4', (header) => { header.typ = 'JWT'; }, malformed],
      ['DPOP-5 none', (header) => { header.alg = 'none'; }, malformed],
      ['DPOP-5 HS256', (header) => { header.alg = 'HS256'; }, malformed],
      ['DPOP-5 RS256', (header) => { header.alg = 'RS256'; }, malformed],
      ['DPOP-6', (header) => { header.jwk = theirs; }, badProof('The DPoP proof is not signed by its key')],
      ['DPOP-7', (header) => { header.jwk.d = header.jwk.x; }, malformed],
      ['DPOP-7 oct', (header) => { header.jwk = { kty: 'oct', k: 'AAAA' }; }, malformed],
      ['DPOP-8', (_, claims) => { claims.htm = 'PUT'; }, MISPLACED],
      ['DPOP-8 case', (_, claims) => { claims.htm = 'get'; }, MISPLACED],
      ['DPOP-9', (_, claims) => { claims.htu = `${url}/x`; }, MISPLACED],
      ['DPOP-11', (_, claims) => { claims.htu = `http://127.0.0.1:${gateway.upstreamPort}/accounts`; }, MISPLACED],
      ['DPOP-12 an hour ago', (_, claims) => { claims.iat = now - 3600; }, stale],
      ['DPOP-12 in an hour', (_, claims) => { claims.iat = now + 3600; }, stale],
      ['DPOP-14', (_, claims) => { claims.ath = claims.ath.replace(/^./, (letter) => (letter === 'A' ? 'B' : 'A')); }, MISPLACED],
    ];
    const made = [];
    for (const [name, change, expected] of rows) {
      made.push([name, bare, { authorization: `DPoP ${token}`, dpop: await proof(keys, token, change) }, expected]);
    }
    const two = [await proof(keys, token), await proof(keys, token)];
    made.push(['DPOP-1', bare, { authorization: `DPoP ${token}`, dpop: two }, malformed]);
    made.push(['DPOP-2', bare, { authorization: `DPoP ${token}`, dpop: `${two[0]}, ${two[1]}` }, malformed]);
    await refused(made);
    // What was made before the gateway began may have been used at the one before it: that takes a nonce (DPOP-13).
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, started + 9_000 - Date.now())));
    for (const [name, change] of [
      ['DPOP-9 query and fragment', (_, claims) => { claims.htu = `${url}?a=b#c`; }],
      ['DPOP-10', (_, claims) => { claims.htu = claims.htu.replace('https', 'HTTPS').replace('accounts', '%61ccounts'); }],
      ['DPOP-12 8 s ago', (_, claims) => { claims.iat -= 8; }],
      ['DPOP-12 in 8 s', (_, claims) => { claims.iat += 8; }],
      ['DPOP-20', (header, claims) => { header.other = 1; claims.other = { a: 1 }; }],
    ]) {
      const answer = await ask(bare, { authorization: `DPoP ${token}`, dpop: await proof(keys, token, change) });
      assert.equal(answer.status, 200, `${name}: ${answer.headers.get('www-authenticate')}`);
    }
  });
}

test('MTLS-7, JWT-3, BEAR-5: the profile takes no token that anybody could use, by no other algorithm, from no URL', async () => {
  const keys = await ThirdParty.keys();
  const token = await bare.token('jwt', keys);
  const jkt = JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).cnf.jkt;
  const forged = await issuer.forge(rsa, 'accounts', { cnf: { jkt } });
  const unbound = await issuer.forge(issuer.keys[0], 'accounts');
  const bearer = (text) => `Bearer realm="scopegate", error="invalid_token", error_description="${text}"`;
  await refused([
    ['MTLS-7', certified, { authorization: `Bearer ${unbound}` }, bearer('The access token is not bound to its sender, which this resource demands')],
    ['JWT-3', bare, { authorization: `DPoP ${forged}`, dpop: await proof(keys, forged) },
      `DPoP realm="scopegate", error="invalid_token", error_description="The access token cannot be verified", ${ALGS}`],
    ['DPOP-21', bare, {}, `Bearer realm="scopegate", DPoP ${ALGS}`],
  ]);
  const good = await issuer.forge(issuer.keys[0], 'accounts', { cnf: { jkt } });
  assert.equal((await ask(bare, { authorization: `DPoP ${good}`, dpop: await proof(keys, good) })).status, 200, 'but for its key it is good');
  const answer = await bare.fetch(`${url}?access_token=${token}`);
  assert.equal(answer.status, 400);
  assert.match(answer.headers.get('www-authenticate'), /error="invalid_request"/);
});

test('E14, DPOP-19: a client learns the nonce that is wanted, and is let in', async () => {
  await gateway.stop();
  dpop = '{ nonce: required }';
  await gateway.start();
  const keys = await ThirdParty.keys();
  const token = await bare.token('jwt', keys);
  const handle = oauth.DPoP({ client_id: 'tpp-machine' }, keys);
  const statuses = [];
  const request = () => oauth.protectedResourceRequest(token, 'GET', new URL(url), undefined, undefined, { DPoP: handle, [oauth.customFetch]: watched });
  const watched = async (...call) => {
    const answer = await bare.fetch(...call);
    statuses.push(answer.status);
    return answer;
  };
  const asked = await request().then(() => assert.fail('a proof without nonce'), (failure) => failure);
  assert.ok(oauth.isDPoPNonceError(asked), asked);
  assert.equal((await request()).status, 200);
  assert.equal((await request()).status, 200);
  assert.deepEqual(statuses, [401, 200, 200]);

  const without = await ask(bare, { authorization: `DPoP ${token}`, dpop: await proof(keys, token) });
  const wanted = `DPoP realm="scopegate", error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof", ${ALGS}`;
  assert.equal(without.headers.get('www-authenticate'), located(wanted));
  assert.equal(without.headers.get('cache-control'), 'no-store');
  const nonce = without.headers.get('dpop-nonce');
  assert.ok(nonce);
  for (const [name, value, status] of [['wrong', 'wrong', 401], ['given', nonce, 200]]) {
    const one = await proof(keys, token, (_, claims) => { claims.nonce = value; });
    assert.equal((await ask(bare, { authorization: `DPoP ${token}`, dpop: one })).status, status, name);
  }
});

test('no token and no proof shows in any output, and nginx saw no request that was refused', async () => {
  await until('the access log', async () => (await gateway.outputs())['access log'].length > 0);
  assert.ok(issuer.issued.length > 6);
  assert.deepEqual(await world.leaks(), []);
  const forwarded = (await world.upstream.requests()).map(({ target }) => target);
  assert.ok(forwarded.length > 20 && !forwarded.some((target) => target.includes('refused')), 'nginx saw none that was refused');
  const outputs = Object.values(await gateway.outputs()).join('\n');
  for (const made of proofs) assert.ok(!outputs.includes(made.slice(-40)), 'a proof shows');
});

const realm = 'realm="scopegate"';
const badProof = (text) => `DPoP ${realm}, error="invalid_dpop_proof", error_description="${text}", ${ALGS}`;
const AVOIDED = `Bearer ${realm}, error="invalid_token", error_description="The access token is bound to a key: it needs the DPoP scheme and a proof", DPoP ${ALGS}`;
const CERTIFICATE_WRONG = `Bearer ${realm}, error="invalid_token", error_description="The access token is bound to another client certificate"`;
const KEY_WRONG = `DPoP ${realm}, error="invalid_token", error_description="Invalid DPoP key binding", ${ALGS}`;
const MISPLACED = badProof('The DPoP proof was made for another request or token');
const proofs = [];

async function proof(keys, token, change) {
  const made = await ThirdParty.proof(keys, { token, url }, change);
  proofs.push(made);
  return made;
}

/** One request of this party with these fields. */
function ask(party, headers, target = url) {
  return party.fetch(target, { headers });
}

/** The challenge as it is sent: META-4, it also says where the resource's metadata is. */
function located(challenge) {
  const metadata = `https://127.0.0.1:${gateway.port}/.well-known/oauth-protected-resource`;
  return challenge.replace(realm, `${realm}, resource_metadata="${metadata}"`);
}

/** Each row is 401 with exactly this challenge, a problem document, and nothing for a cache to keep. */
async function refused(rows) {
  for (const [name, party, headers, challenge] of rows) {
    const answer = await ask(party, headers, `${url}?refused`);
    assert.equal(answer.headers.get('www-authenticate'), located(challenge), name);
    assert.equal(answer.status, 401, name);
    assert.equal(answer.headers.get('cache-control'), 'no-store', name);
    if (headers.authorization) assert.equal((await answer.json()).status, 401, name);
  }
}
