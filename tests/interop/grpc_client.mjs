// A client of gRPC, npm `@grpc/grpc-js`, for the interop tests of tower-bearer.
//
// Reads calls, a line of JSON each, and ends when its standard input is closed. Calls, and what it says to them, are those of `grpc_client.py`.

import { Client, Metadata, credentials } from '@grpc/grpc-js';
import { createInterface } from 'node:readline';

// Proxies have no way to loopback.
const OPTIONS = { 'grpc.enable_http_proxy': 0 };
// In milliseconds; nothing takes this long.
const PATIENCE = 60_000;

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const same = (bytes) => bytes;

function ended({ code, details, metadata }) {
  const said = {};
  for (const name of Object.keys(metadata.getMap())) {
    said[name] = metadata.get(name).map((value) => (Buffer.isBuffer(value) ? value.toString('base64') : value));
  }
  return { code, details, metadata: said };
}

async function make({ target, path, streams, token, message }) {
  const client = new Client(target, credentials.createInsecure(), OPTIONS);
  const metadata = new Metadata();
  if (token !== null) metadata.set('authorization', `Bearer ${token}`);
  const options = { deadline: Date.now() + PATIENCE };
  const asked = Buffer.from(message, 'base64');
  const hear = (item) => say({ message: item.toString('base64') });
  const end = await new Promise((resolve) => {
    const call = streams
      ? client.makeServerStreamRequest(path, same, same, asked, metadata, options)
      : client.makeUnaryRequest(path, same, same, asked, metadata, options, (error, item) => error || hear(item));
    if (streams) {
      call.on('data', hear);
      call.on('error', () => {}); // `status` says it too
    }
    call.on('status', resolve);
  });
  say(ended(end));
  client.close();
}

say({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  await make(JSON.parse(line));
}
