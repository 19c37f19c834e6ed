"""A client of gRPC, PyPI `grpcio`, for the interop tests of tower-bearer.

Reads calls, a line of JSON each; ends when its standard input is closed. It first says {"ready": true}. Messages are bytes, in base64.

  {"target": "127.0.0.1:40001", "path": "/orders.v1.Orders/List", "streams": false, "token": "…" | null, "message": "…"}

To each it says a line for each message of the answer, as it comes, and one when the call has ended, with the metadata of its end:

  {"message": "…"}
  {"code": 16, "details": "…", "metadata": {"www-authenticate": ["…"], "grpc-status-details-bin": ["base64"]}}
"""

import json
import sys
from base64 import b64decode, b64encode

import grpc

# Proxies have no way to loopback.
OPTIONS = [("grpc.enable_http_proxy", 0)]
# In seconds; nothing takes this long.
PATIENCE = 60


def say(line):
    print(json.dumps(line), flush=True)


def base64(content):
    return b64encode(content).decode()


def tell_end(call):
    metadata = {}
    for name, value in call.trailing_metadata() or ():
        metadata.setdefault(name, []).append(base64(value) if name.endswith("-bin") else value)
    say({"code": call.code().value[0], "details": call.details(), "metadata": metadata})


def make(call):
    metadata = [("authorization", f"Bearer {call['token']}")] if call["token"] is not None else []
    message = b64decode(call["message"])
    with grpc.insecure_channel(call["target"], options=OPTIONS) as channel:
        if call["streams"]:
            answer = channel.unary_stream(call["path"])(message, metadata=metadata, timeout=PATIENCE)
            try:
                for item in answer:
                    say({"message": base64(item)})
            except grpc.RpcError:
                pass
            tell_end(answer)
            return
        try:
            item, answer = channel.unary_unary(call["path"]).with_call(message, metadata=metadata, timeout=PATIENCE)
            say({"message": base64(item)})
        except grpc.RpcError as refused:
            answer = refused
        tell_end(answer)


say({"ready": True})
for line in sys.stdin:
    make(json.loads(line))
