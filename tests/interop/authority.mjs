// An authority on loopback as the libraries of Microsoft want one, over TLS, that says what it was sent.
//
//   node authority.mjs
//
// By itself it has the metadata of every tenant of Microsoft Entra ID and answers each request for a token with the same one. Told
// {"upstream": "http://127.0.0.1:40002"} on its standard input it answers with the same line, and passes everything on to that server
// from then on. It ends when its standard input is closed.
//
// Prints lines of JSON: as soon as it listens
//   {"url": "https://localhost:40001"}
// and before it answers a POST
//   {"path": "/TENANT/oauth2/v2.0/token", "headers": [["accept", "application/json"], …], "form": [["scope", "…"], …]}

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as send } from 'node:http';
import { createServer } from 'node:https';
import { createInterface } from 'node:readline';
import { buffer } from 'node:stream/consumers';

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const besideThis = (name) => readFileSync(new URL(name, import.meta.url));

let upstream;

/** What stands in for Entra ID: status, headers and content of its answer. */
function standIn({ method, url: target }) {
  const json = (status, content) => [status, { 'content-type': 'application/json' }, JSON.stringify(content)];
  const { pathname } = new URL(target, url);
  const [, tenant, document] = pathname.match(/^\/([^/]+)\/(.+)$/) ?? [];
  switch (`${method} ${document}`) {
    case 'GET v2.0/.well-known/openid-configuration':
      return json(200, {
        issuer: `${url}/${tenant}/v2.0`,
        authorization_endpoint: `${url}/${tenant}/oauth2/v2.0/authorize`,
        token_endpoint: `${url}/${tenant}/oauth2/v2.0/token`,
        jwks_uri: `${url}/${tenant}/discovery/v2.0/keys`,
      });
    case 'POST oauth2/v2.0/token':
      return json(200, { token_type: 'Bearer', expires_in: 3599, ext_expires_in: 3599, access_token: 'the-same-for-all' });
    default:
      return json(404, { error: 'not_found' });
  }
}

/** What the other server answers to the same request. */
async function passOn({ method, url: target, headers: { host, ...headers } }, body) {
  const sent = send(new URL(target, upstream), { method, headers });
  sent.end(body);
  const [answer] = await once(sent, 'response');
  const { connection, 'transfer-encoding': encoding, ...answered } = answer.headers;
  return [answer.statusCode, answered, await buffer(answer)];
}

const server = createServer(
  { key: besideThis('loopback_key.pem'), cert: besideThis('loopback_certificate.pem') },
  async (request, response) => {
    const body = await buffer(request);
    if (request.method === 'POST') {
      const flat = request.rawHeaders;
      const headers = flat.flatMap((name, at) => (at % 2 === 0 ? [[name.toLowerCase(), flat[at + 1]]] : []));
      say({ path: request.url, headers, form: [...new URLSearchParams(body.toString())] });
    }
    const [status, headers, content] = upstream ? await passOn(request, body) : standIn(request);
    response.writeHead(status, headers).end(content);
  },
);

server.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `https://localhost:${server.address().port}`;
say({ url });
for await (const line of createInterface({ input: process.stdin })) {
  const told = JSON.parse(line);
  upstream = told.upstream;
  say(told);
}
process.exit(0);
