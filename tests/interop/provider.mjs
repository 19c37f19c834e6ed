// A real OpenID provider (npm `oidc-provider`) on loopback, for the interop tests.
//
//   node provider.mjs [--issuer IDENTIFIER] [--port NUMBER] [--keys STATE] [--rotate HOW]
//
// Prints one line of JSON as soon as it listens, and ends when its standard input is closed:
//   {"issuer": "http://127.0.0.1:40001", "url": "http://127.0.0.1:40001", "admin": "http://127.0.0.1:40002",
//    "tls": "https://127.0.0.1:40003"}
// `issuer` is what its tokens say in `iss`; with `--issuer` it says it is another one than the address it is served at.
// `tls` is the same provider once more, with a certificate that signs itself.
// With `--port` and `--keys`, the answer of `GET /keys`, it goes on where another process was stopped, and with `--rotate` it
// rotates its keys before anybody can ask for them.
//
// Tokens come from POST {url}/token with grant_type=client_credentials, the client BATCH and a `resource` of RESOURCES.
// A client that is registered for them has the grants of `delegation.mjs` too; refresh tokens are rotated.
// A client that authenticates by a JWT has to name the issuer, and nothing else, as its audience (RFC 7523bis §4).
//
// The admin address:
//   GET  /counts                how often each path was asked for, since the process started: {"/jwks": 1, …}
//   GET  /keys                  the keys, private ones, and how often they were rotated
//   POST /clients               registers one more client, whose metadata (RFC 7591 §2) is the body; where that has a
//                               `token_endpoint_auth_signing_alg` and no `jwks`, the answer has a private key that is made for
//                               it, in PEM
//   POST /people                somebody signs in: answers with an access token of theirs, for {"subject": …, "audience": …,
//                               "has_run_out": BOOLEAN}, by the client PORTAL
//   POST /rotate?keys=added     new keys sign, the old ones are still published
//   POST /rotate?keys=replaced  new keys sign, the old ones are gone
//   POST /rotate?keys=same-ids  new keys sign under the key ids of the old ones, which are gone

import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { json } from 'node:stream/consumers';
import { parseArgs } from 'node:util';

// Standard output is for the one line; the provider's notices go elsewhere.
console.info = console.error;
const { Provider, errors } = await import('oidc-provider');
const { registerDelegation } = await import('./delegation.mjs');

const { values: settings } = parseArgs({
  options: { issuer: { type: 'string' }, port: { type: 'string' }, keys: { type: 'string' }, rotate: { type: 'string' } },
});

// In seconds: longer than keys are held without being fetched again, so that tokens outlive them.
const TOKEN_LIFE = 3600;
const SCOPES = 'orders.read orders.write';
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];

const DAEMON = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope: SCOPES };
const BATCH = { ...DAEMON, client_id: 'batch', client_secret: 'batch-secret', token_endpoint_auth_method: 'client_secret_post' };
const PORTAL = { ...BATCH, client_id: 'portal' };

// What the provider remembers: its clients, grants and refresh tokens, and which assertions it has seen. It outlives a rotation.
const remembered = new Map([BATCH, PORTAL].map((client) => [`Client ${client.client_id}`, client]));

class Memory {
  constructor(model) {
    this.key = (id) => `${model} ${id}`;
  }

  async find(id) {
    return remembered.get(this.key(id));
  }

  async upsert(id, content) {
    remembered.set(this.key(id), content);
  }

  async consume(id) {
    remembered.get(this.key(id)).consumed = true;
  }

  async destroy(id) {
    remembered.delete(this.key(id));
  }

  async revokeByGrantId(grantId) {
    for (const [key, content] of remembered) {
      if (key.startsWith(this.key('')) && content.grantId === grantId) remembered.delete(key);
    }
  }
}

// One resource for each algorithm, two that call each other, one whose tokens are opaque, one whose tokens ran out an hour ago.
const RESOURCES = new Map([
  ...ALGORITHMS.map((alg) => [`api://${alg.toLowerCase()}`, { accessTokenFormat: 'jwt', alg }]),
  ['api://orders', { accessTokenFormat: 'jwt', alg: 'ES256' }],
  ['api://stock', { accessTokenFormat: 'jwt', alg: 'ES256' }],
  ['api://opaque', { accessTokenFormat: 'opaque' }],
  ['api://expired', { accessTokenFormat: 'jwt', alg: 'ES256' }],
]);

// The RSA key and the Ed25519 key have no `alg`: each is good for more than one algorithm.
const KEY_TYPES = {
  rsa: ['rsa', { modulusLength: 2048 }],
  p256: ['ec', { namedCurve: 'P-256' }],
  p384: ['ec', { namedCurve: 'P-384' }],
  p521: ['ec', { namedCurve: 'P-521' }],
  ed25519: ['ed25519', {}],
};
const KEY_OF = {
  RS256: 'rsa', PS256: 'rsa', ES256: 'p256', ES384: 'p384', ES512: 'p521', EdDSA: 'ed25519', Ed25519: 'ed25519',
};

function generateKeys(generation) {
  return Object.entries(KEY_TYPES).map(([name, [type, options]]) => ({
    ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }),
    kid: `${name}-${generation}`,
    use: 'sig',
  }));
}

/** The API with this name, whose tokens are signed with the keys of `signedBy`. */
function serverOf(resource, signedBy = generation) {
  const found = RESOURCES.get(resource);
  if (!found) throw new errors.InvalidTarget();
  const { alg, accessTokenFormat } = found;
  const jwt = alg && { sign: { alg, kid: `${KEY_OF[alg]}-${signedBy}` } };
  return { scope: SCOPES, accessTokenFormat, accessTokenTTL: TOKEN_LIFE, jwt };
}

/** A provider that publishes `keys` and signs with those of `generation`. */
function provider(issuer, keys, generation) {
  const getResourceServerInfo = (_ctx, resource) => serverOf(resource, generation);
  const made = new Provider(issuer, {
    adapter: Memory,
    jwks: { keys },
    scopes: [...SCOPES.split(' '), 'offline_access'],
    rotateRefreshToken: true,
    enabledJWA: { idTokenSigningAlgValues: ALGORITHMS, clientAuthSigningAlgValues: ALGORITHMS },
    assertJwtClientAuthClaimsAndHeader(_ctx, claims) {
      if (claims.aud !== issuer) throw new errors.InvalidClientAuth('the audience must be the issuer');
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: { enabled: true, getResourceServerInfo },
    },
    formats: {
      customizers: {
        jwt(_ctx, token, { payload }) {
          if (token.act) payload.act = token.act;
          if (payload.aud === 'api://expired' || token.hasRunOut) {
            payload.iat -= 4200;
            payload.exp = payload.iat + 600;
          }
        },
      },
    },
  });
  registerDelegation(made, keys, getResourceServerInfo);
  return made;
}

const counts = new Map();
let { generation, published } = settings.keys
  ? JSON.parse(settings.keys)
  : { generation: 1, published: generateKeys(1) };
let issuer;
let present;
let serve;

function count(request, response) {
  const path = request.url.split('?', 1)[0];
  counts.set(path, (counts.get(path) ?? 0) + 1);
  serve(request, response);
}

const besideThis = (name) => readFileSync(new URL(name, import.meta.url));
const front = createServer(count);
const tlsFront = createTlsServer(
  { key: besideThis('loopback_key.pem'), cert: besideThis('loopback_certificate.pem') },
  count,
);

/** Whoever asks next meets the present keys; clients see no restart, the address and the issuer stay. */
function publish() {
  present = provider(issuer, published, generation);
  serve = present.callback();
}

/** An access token by which the client PORTAL acts for this person. */
async function signIn({ subject, audience, has_run_out: hasRunOut }) {
  const client = await present.Client.find(PORTAL.client_id);
  const token = new present.AccessToken({ accountId: subject, client, scope: SCOPES });
  token.resourceServer = new present.ResourceServer(audience, await serverOf(audience));
  token.hasRunOut = hasRunOut;
  return token.save();
}

/** Registers a client, and returns the private key that was made for it, if it is one that has a key. */
function register(metadata) {
  const alg = !metadata.jwks && metadata.token_endpoint_auth_signing_alg;
  const [type, options] = alg ? KEY_TYPES[KEY_OF[alg]] : [];
  const { privateKey, publicKey } = alg ? generateKeyPairSync(type, options) : {};
  const jwks = publicKey && { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: `${metadata.client_id}-key`, alg }] };
  remembered.set(`Client ${metadata.client_id}`, { ...DAEMON, ...metadata, ...(jwks && { jwks }) });
  return privateKey?.export({ type: 'pkcs8', format: 'pem' }) ?? '';
}

function rotate(keys) {
  switch (keys) {
    case 'added': {
      const old = published;
      generation += 1;
      published = [...generateKeys(generation), ...old];
      break;
    }
    case 'replaced':
      generation += 1;
      published = generateKeys(generation);
      break;
    case 'same-ids':
      published = generateKeys(generation);
      break;
    default:
      return false;
  }
  return true;
}

const admin = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://admin');
  const answer = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  switch (`${request.method} ${pathname}`) {
    case 'GET /counts':
      return answer(200, Object.fromEntries(counts));
    case 'GET /keys':
      return answer(200, { generation, published });
    case 'POST /clients':
      return answer(200, { private_key: register(await json(request)) });
    case 'POST /people':
      return answer(200, { access_token: await signIn(await json(request)) });
    case 'POST /rotate':
      if (!rotate(searchParams.get('keys'))) {
        return answer(400, { error: 'keys must be added, replaced or same-ids' });
      }
      publish();
      return answer(200, { generation });
    default:
      return answer(404, { error: 'no such command' });
  }
});

async function listen(server, port = 0) {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return `${server === tlsFront ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;
}

if (settings.rotate && !rotate(settings.rotate)) {
  throw new Error('--rotate must be added, replaced or same-ids');
}
const url = await listen(front, Number(settings.port ?? 0));
issuer = settings.issuer ?? url;
publish();
const adminUrl = await listen(admin);
const tls = await listen(tlsFront);

process.stdin.on('close', () => process.exit(0)).on('error', () => process.exit(0)).resume();
process.stdout.write(`${JSON.stringify({ issuer, url, admin: adminUrl, tls })}\n`);
