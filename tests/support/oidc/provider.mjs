// A provider of OpenID Connect for tests: node provider.mjs REDIRECT-URI; prints its issuer. Anybody signs in with a name of `accounts` and any
// password. SIGUSR1: it has other keys from now on.
import http from 'node:http';
import Provider from 'oidc-provider';
import { exportJWK, generateKeyPair } from 'jose';

const redirect = process.argv[2];
const algorithms = ['RS256', 'PS256', 'ES256'];
const accounts = {
  anna: { email: 'anna@example.org', email_verified: true, groups: ['operators', 'users'], preferred_username: 'Anna A.' },
  bert: { email: 'anna@example.org', email_verified: false, groups: 'users' },
  carla: { email: 'carla@example.org', email_verified: true, department: 'research' },
};

async function keys(turn) {
  const made = await Promise.all(algorithms.map(async (alg) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    return { ...(await exportJWK(privateKey)), alg, kid: `${alg}-${turn}`, use: 'sig' };
  }));
  return { keys: made };
}

async function provider(issuer, turn) {
  return new Provider(issuer, {
    clients: [...algorithms, 'HS256'].map((alg) => ({
      client_id: `muster-${alg}`, client_secret: 'a secret: of 32 characters & more', redirect_uris: [redirect], id_token_signed_response_alg: alg,
      token_endpoint_auth_method: alg === 'PS256' ? 'client_secret_post' : 'client_secret_basic',
    })),
    claims: { openid: ['sub', 'department'], profile: ['preferred_username'], email: ['email', 'email_verified'], groups: ['groups'] },
    scopes: ['openid', 'profile', 'email', 'groups'],
    conformIdTokenClaims: false,
    pkce: { required: () => true, methods: ['S256'] },
    jwks: await keys(turn),
    cookies: { keys: ['not a secret'] },
    findAccount: (context, id) => accounts[id] && { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) },
    enabledJWA: { idTokenSigningAlgValues: [...algorithms, 'HS256'] },
  });
}

let turn = 1;
let current;
const server = http.createServer((request, response) => current.callback()(request, response));
server.listen(0, '127.0.0.1', async () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  current = await provider(issuer, turn);
  process.on('SIGUSR1', async () => {
    turn += 1;
    current = await provider(issuer, turn);
    console.log(`keys ${turn}`);
  });
  console.log(issuer);
});
