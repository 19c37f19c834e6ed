"""The client libraries of Microsoft for Python, PyPI `msal` and `azure-identity`, for the interop tests of tower-bearer.

Reads jobs, a line of JSON each, and answers each with a line; ends when its standard input is closed. It first says {"ready": true}.

  {"library": "msal" | "azure-identity", "authority": "https://localhost:40001", "tenant": "…", "client_id": "…",
   "secret": "…" | "certificate": "PEM", "private_key": "PEM", "scope": "api://stock/.default", "on_behalf_of": TOKEN | null}
  {"access_token": "…"} or {"error": "…"}

With a token in `on_behalf_of` the application acts for the person of it, else as itself.

The certificates that it trusts are those of REQUESTS_CA_BUNDLE.
"""

import json
import sys

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential, ClientSecretCredential, OnBehalfOfCredential
from msal import ConfidentialClientApplication


def by_msal(job):
    certified = {"private_key": job.get("private_key"), "public_certificate": job.get("certificate")}
    client = ConfidentialClientApplication(
        job["client_id"],
        authority=f"{job['authority']}/{job['tenant']}",
        client_credential=job["secret"] if "secret" in job else certified,
        # Else it asks login.microsoftonline.com whether there is such an authority.
        instance_discovery=False,
    )
    if job["on_behalf_of"]:
        answer = client.acquire_token_on_behalf_of(job["on_behalf_of"], [job["scope"]])
    else:
        answer = client.acquire_token_for_client([job["scope"]])
    if "access_token" in answer:
        return {"access_token": answer["access_token"]}
    return {"error": f"{answer.get('error')}: {answer.get('error_description')}"}


def by_azure_identity(job):
    settings = {"authority": job["authority"], "disable_instance_discovery": True}
    application = (job["tenant"], job["client_id"])
    secret, pem = job.get("secret"), (job.get("private_key", "") + job.get("certificate", "")).encode()
    if job["on_behalf_of"]:
        proof = {"client_secret": secret, "client_certificate": pem or None}
        credential = OnBehalfOfCredential(*application, user_assertion=job["on_behalf_of"], **proof, **settings)
    elif secret:
        credential = ClientSecretCredential(*application, secret, **settings)
    else:
        credential = CertificateCredential(*application, certificate_data=pem, **settings)
    try:
        return {"access_token": credential.get_token(job["scope"]).token}
    except ClientAuthenticationError as error:
        return {"error": error.message}


LIBRARIES = {"msal": by_msal, "azure-identity": by_azure_identity}


def say(answer):
    print(json.dumps(answer), flush=True)


say({"ready": True})
for line in sys.stdin:
    asked = json.loads(line)
    say(LIBRARIES[asked["library"]](asked))
