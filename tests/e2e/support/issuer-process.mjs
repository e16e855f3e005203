// The authorization server: oidc-provider, certified, as a third party would meet it. Runs in a process of its own.
// Takes one argument, the settings as JSON; sends `listening` to its parent.

import https from 'node:https';

import Provider from 'oidc-provider';

const { port, keys, audience, clients, accessTokenSeconds, accessTokenFormat, tls } = JSON.parse(process.argv[2]);

const provider = new Provider(`${tls ? 'https' : 'http'}://127.0.0.1:${port}`, {
  clients,
  jwks: { keys },
  cookies: { keys: ['for-tests-only'] },
  scopes: ['openid', 'offline_access'],
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  pkce: { required: () => true },
  features: {
    // Login and consent pages; the test fills them in as a browser would.
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    // Sender-constrained tokens (RFC 9449, RFC 8705): a client's certificate is that of its connection.
    dPoP: { enabled: true },
    mTLS: { enabled: true, certificateBoundAccessTokens: true, getCertificate: ({ socket }) => socket.getPeerX509Certificate?.() },
    // RFC 8707: the access token is for the bank's API, a JWT by RFC 9068.
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => ({
        audience,
        scope: 'accounts payments',
        accessTokenTTL: accessTokenSeconds,
        accessTokenFormat: resource.endsWith('/opaque') ? 'opaque' : accessTokenFormat,
        jwt: { sign: { alg: keys[0].alg } },
      }),
    },
  },
});

const listening = () => process.send('listening');
if (tls) {
  // Any certificate is good whose key the client has: the token's thumbprint says whose it must be.
  https.createServer({ ...tls, requestCert: true, rejectUnauthorized: false }, provider.callback()).listen(port, '127.0.0.1', listening);
} else {
  provider.listen(port, '127.0.0.1', listening);
}
process.on('disconnect', () => process.exit(0));
