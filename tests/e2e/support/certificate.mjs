// Certificates, written octet by octet (X.690, RFC 5280): Node.js can read them and cannot make any.

import * as crypto from 'node:crypto';

/** A key on P-256 and its certificate for 127.0.0.1 and these hosts, both PEM, and the certificate's thumbprint (RFC 8705 §3.1). */
export function selfSigned(name, hosts = []) {
  const keys = pair();
  return signed(keys, { subject: named(name), extension: alternatives(hosts) }, { subject: named(name), ...keys });
}

/** Signs certificates for others. */
export class Authority {
  #signer;

  constructor(name) {
    const keys = pair();
    this.#signer = { subject: named(name), ...keys };
    // basicConstraints, critical: it may sign others.
    const extension = sequence(oid('551d13'), tagged(0x01, Buffer.of(255)), tagged(0x04, sequence(tagged(0x01, Buffer.of(255)))));
    this.cert = signed(keys, { subject: named(name), extension }, this.#signer).cert;
  }

  /** As `selfSigned`, of this authority. */
  issue(name, hosts = []) {
    return signed(pair(), { subject: named(name), extension: alternatives(hosts) }, this.#signer);
  }
}

const pair = () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });

function signed({ privateKey, publicKey }, { subject, extension }, signer) {
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
  const time = (ms) => tagged(0x18, Buffer.from(new Date(Date.now() + ms).toISOString().replace(/[-:T]|\.\d+/g, '')));
  const [hour, day] = [3_600_000, 86_400_000];
  const body = sequence(
    tagged(0xa0, tagged(0x02, Buffer.of(2))),
    tagged(0x02, Buffer.concat([Buffer.of(1), crypto.randomBytes(8)])),
    ecdsaWithSha256,
    signer.subject,
    sequence(time(-hour), time(day)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(extension)),
  );
  const signature = crypto.sign('sha256', body, signer.privateKey);
  const der = sequence(body, ecdsaWithSha256, tagged(0x03, Buffer.concat([Buffer.of(0), signature])));
  const lines = der.toString('base64').match(/.{1,64}/g).join('\n');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    thumbprint: crypto.createHash('sha256').update(der).digest('base64url'),
  };
}

/** A common name. */
const named = (name) => sequence(set(sequence(oid('550403'), tagged(0x0c, Buffer.from(name)))));

/** subjectAltName: dNSName each, and iPAddress 127.0.0.1. */
function alternatives(hosts) {
  const names = [...hosts.map((host) => tagged(0x82, Buffer.from(host))), tagged(0x87, Buffer.of(127, 0, 0, 1))];
  return sequence(oid('551d11'), tagged(0x04, sequence(...names)));
}

function tagged(tag, content) {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

const sequence = (...parts) => tagged(0x30, Buffer.concat(parts));
const set = (...parts) => tagged(0x31, Buffer.concat(parts));
const oid = (octets) => tagged(0x06, Buffer.from(octets, 'hex'));
