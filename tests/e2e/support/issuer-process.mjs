// The authorization server: oidc-provider, certified, as a third party would meet it. Runs in a process of its own.
// Takes one argument, the settings as JSON; sends `listening` to its parent.

import Provider from 'oidc-provider';

const { port, keys, audience, clients, accessTokenSeconds, accessTokenFormat } = JSON.parse(process.argv[2]);

const provider = new Provider(`http://127.0.0.1:${port}`, {
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
    // RFC 8707: the access token is for the bank's API, a JWT by RFC 9068.
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        audience,
        scope: 'accounts payments',
        accessTokenTTL: accessTokenSeconds,
        accessTokenFormat,
        jwt: { sign: { alg: keys[0].alg } },
      }),
    },
  },
});

provider.listen(port, '127.0.0.1', () => process.send('listening'));
process.on('disconnect', () => process.exit(0));
