// A client of grpc-web, npm `@connectrpc/connect-node`, for the interop tests of tower-bearer.
//
// Reads calls, a line of JSON each, and ends when its standard input is closed. Calls, and what it says to them, are those of
// `grpc_client.py`. It knows the messages of no service, so that it sends empty ones and hears of none.

import { createFileRegistry, create } from '@bufbuild/protobuf';
import { EmptySchema, FileDescriptorProtoSchema, file_google_protobuf_empty } from '@bufbuild/protobuf/wkt';
import { createGrpcWebTransport } from '@connectrpc/connect-node';
import { createInterface } from 'node:readline';

const EMPTY = '.google.protobuf.Empty';
// In milliseconds; nothing takes this long.
const PATIENCE = 60_000;

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

function described(path, streams) {
  const [, service, method] = path.split('/');
  const dot = service.lastIndexOf('.');
  const file = create(FileDescriptorProtoSchema, {
    name: 'called.proto',
    package: service.slice(0, dot),
    syntax: 'proto3',
    dependency: ['google/protobuf/empty.proto'],
    service: [
      { name: service.slice(dot + 1), method: [{ name: method, inputType: EMPTY, outputType: EMPTY, serverStreaming: streams }] },
    ],
  });
  return createFileRegistry(file, () => file_google_protobuf_empty.proto).getService(service).methods[0];
}

async function make({ target, path, streams, token }) {
  const transport = createGrpcWebTransport({ baseUrl: `http://${target}`, httpVersion: '2' });
  const headers = new Headers(token === null ? {} : { authorization: `Bearer ${token}` });
  const method = described(path, streams);
  const none = async function* () {
    yield create(EmptySchema);
  };
  try {
    if (streams) {
      const { message } = await transport.stream(method, undefined, PATIENCE, headers, none());
      for await (const _ of message);
    } else {
      await transport.unary(method, undefined, PATIENCE, headers, create(EmptySchema));
    }
    say({ code: 0, details: '', metadata: {} });
  } catch (error) {
    const metadata = {};
    for (const [name, value] of error.metadata) metadata[name] = [value];
    say({ code: error.code, details: error.rawMessage, metadata });
  }
}

say({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  await make(JSON.parse(line));
}
process.exit(); // it would keep its connections
