// The client library of Microsoft for Node, npm `@azure/msal-node`, for the interop tests of tower-bearer.
//
// Reads jobs, a line of JSON each, and answers each with a line; ends when its standard input is closed. Jobs and answers are those of
// `microsoft.py`, with the library "msal-node". The certificates that it trusts are those of NODE_EXTRA_CA_CERTS.

import { ConfidentialClientApplication } from '@azure/msal-node';
import { X509Certificate } from 'node:crypto';
import { createInterface } from 'node:readline';

function certified({ certificate, private_key: privateKey }) {
  const thumbprintSha256 = new X509Certificate(certificate).fingerprint256.replaceAll(':', '');
  return { clientCertificate: { thumbprintSha256, privateKey } };
}

async function token(job) {
  const client = new ConfidentialClientApplication({
    auth: {
      clientId: job.client_id,
      authority: `${job.authority}/${job.tenant}`,
      // Else it asks login.microsoftonline.com whether there is such an authority.
      knownAuthorities: [new URL(job.authority).host],
      ...(job.secret === undefined ? certified(job) : { clientSecret: job.secret }),
    },
  });
  try {
    const scopes = [job.scope];
    const { accessToken } = job.on_behalf_of
      ? await client.acquireTokenOnBehalfOf({ scopes, oboAssertion: job.on_behalf_of })
      : await client.acquireTokenByClientCredential({ scopes });
    return { access_token: accessToken };
  } catch (error) {
    return { error: error.message };
  }
}

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

say({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  say(await token(JSON.parse(line)));
}
