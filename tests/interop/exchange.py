"""A token exchange (RFC 8693) as PyPI `idpyoidc` has it, on loopback, for the interop tests of tower-bearer.

It first says {"url": "http://127.0.0.1:40001"}, which is its issuer identifier too, and ends when its standard input is closed. Its
documents, tokens and refusals are those of the package. HTTP around them is ours, as the package leaves that to others, and so is that
a client which does not prove who it is gets `invalid_client`.

Reads lines of JSON, each for an access token of a person who has signed in at a client, and answers each with a line:

  {"subject": "alice", "client": "portal" | "orders", "audience": "api://orders"}
  {"access_token": "…"}

The client `orders` may exchange them for tokens for `api://stock`, and `portal` may exchange nothing.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

from idpyoidc.message.oauth2 import AuthorizationRequest
from idpyoidc.server import ASConfiguration, Server
from idpyoidc.server.authn_event import create_authn_event
from idpyoidc.server.exception import ClientAuthenticationError, UnAuthorizedClient

SCOPES = ["orders.read", "orders.write"]
SECRET = 'se:cr%t+/~ &="q'
LIFE = 3600
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
# Access tokens may be exchanged.
USAGE = {"access_token": {"supports_minting": ["access_token"], "expires_in": LIFE}}
TOKEN_EXCHANGE = {
    "requested_token_types_supported": [ACCESS_TOKEN],
    "default_requested_token_type": ACCESS_TOKEN,
    "policy": {
        "": {
            "function": "idpyoidc.server.oauth2.token_helper.validate_token_exchange_policy",
            "kwargs": {"audience": ["api://stock"]},
        }
    },
}
TOKEN = {
    "path": "token",
    "class": "idpyoidc.server.oauth2.token.Token",
    "kwargs": {
        "client_authn_method": ["client_secret_basic", "client_secret_post"],
        "grant_types_helpers": {
            EXCHANGE: {
                "class": "idpyoidc.server.oauth2.token_helper.token_exchange.TokenExchangeHelper",
                "kwargs": TOKEN_EXCHANGE,
            }
        },
    },
}
METADATA = {
    "path": ".well-known/oauth-authorization-server",
    "class": "idpyoidc.server.oauth2.server_metadata.ServerMetadata",
    "kwargs": {"client_authn_method": None},
}


def encrypter(*uses):
    return {"kwargs": {"keys": {"key_defs": [{"type": "OCT", "use": [use], "kid": kid} for kid, use in uses]}}}


def configuration(issuer):
    cookies = encrypter(("enc", "enc"), ("sig", "sig"))
    sessions = encrypter(("password", "enc"), ("salt", "enc"))
    return {
        "issuer": issuer,
        "key_conf": {"key_defs": [{"type": "EC", "crv": "P-256", "use": ["sig"]}], "uri_path": "jwks"},
        "endpoint": {"metadata": METADATA, "token": TOKEN},
        "token_handler_args": {
            "token": {"class": "idpyoidc.server.token.jwt_token.JWTToken", "kwargs": {"lifetime": LIFE}},
        },
        "authz": {"class": "idpyoidc.server.authz.AuthzHandling", "kwargs": {"grant_config": {"usage_rules": USAGE}}},
        "claims_interface": {
            "class": "idpyoidc.server.session.claims.ClaimsInterface",
            "kwargs": {"claims_release_points": ["access_token"]},
        },
        # It tells nothing about people, but wants to be asked.
        "userinfo": {"class": "idpyoidc.server.user_info.UserInfo", "kwargs": {"db": {}}},
        # Nobody has cookies or is signed in for long, but there is no server without keys for both.
        "session_params": {"encrypter": sessions},
        "cookie_handler": {"class": "idpyoidc.server.cookie_handler.CookieHandler", "kwargs": {"encrypter": cookies}},
    }


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, content):
        body = content.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with lock:
            if self.path == "/jwks":
                return self.answer(200, server.keyjar.export_jwks_as_json())
            if self.path == f"/{METADATA['path']}":
                endpoint = server.get_endpoint("server_metadata")
                answer = endpoint.process_request()
                return self.answer(200, endpoint.do_response(**answer)["response"])
        self.answer(404, "{}")

    def do_POST(self):
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {"authorization": self.headers["Authorization"]}
        endpoint = server.get_endpoint("token")
        with lock:
            try:
                asked = endpoint.request_cls().from_urlencoded(form)
                request = endpoint.parse_request(asked, http_info={"headers": headers})
                answer = endpoint.process_request(request)
            except (ClientAuthenticationError, UnAuthorizedClient) as error:
                refused = {"error": "invalid_client", "error_description": str(error)}
                return self.answer(401, json.dumps(refused))
            if "error" in answer:
                return self.answer(400, answer.to_json())
            self.answer(200, endpoint.do_response(request=request, **answer)["response"])


def sign_in(subject, client, audience):
    """An access token by which this client acts for a person."""
    context = server.context
    sessions = context.session_manager
    asked = AuthorizationRequest(client_id=client, scope=SCOPES)
    event = create_authn_event(subject)
    session = sessions.create_session(event, asked, user_id=subject, client_id=client, token_usage_rules=USAGE)
    grant = context.authz(session, asked, resources=[audience])
    handler = sessions.token_handler["access_token"]
    return grant.mint_token(session, context, "access_token", token_handler=handler, usage_rules=USAGE["access_token"]).value


def say(line):
    print(json.dumps(line), flush=True)


lock = Lock()
listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
url = f"http://127.0.0.1:{listener.server_port}"
server = Server(ASConfiguration(configuration(url)))
for client_id, grants in {"orders": [EXCHANGE], "portal": []}.items():
    registration = {"client_secret": SECRET, "allowed_scopes": SCOPES, "grant_types_supported": grants}
    server.context.cdb[client_id] = {"client_id": client_id, **registration}
Thread(target=listener.serve_forever, daemon=True).start()
say({"url": url})
for line in sys.stdin:
    with lock:
        token = sign_in(**json.loads(line))
    say({"access_token": token})
