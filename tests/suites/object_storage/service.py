"""moto as a service of S3, and of Google's XML API, which is S3's in what a lake asks of it, with a bucket `lake`.

service.py PORT: takes requests that are not signed as S3 wants.
service.py PORT DIRECTORY: for Google. Each request must be signed in as a service account, whose key is made in the
directory (`key.json`, and `other.json` of a key that no one knows here), or as a machine that fetched its token from the
metadata service, which is here too. Whose token was taken is told by a file: `account.heard`, `machine.heard`.
"""

import base64
import json
import secrets
import sys
import time
from pathlib import Path

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.test import Client

S3 = DomainDispatcherApplication(create_backend_app)
KEYS = "AWS4-HMAC-SHA256 Credential=suite/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
ACCOUNT = "lake@suite.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
METADATA = "/computeMetadata/v1/instance/service-accounts/default/token"


def of_s3(environ, start_response):
    if not environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4"):
        environ["HTTP_AUTHORIZATION"] = KEYS
    return S3(environ, start_response)


def account(path, number):
    """A service account's file as Google gives it out; the key that proves its signatures."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "suite",
                "private_key_id": number,
                "private_key": key.private_bytes(*form).decode(),
                "client_email": ACCOUNT,
                "client_id": "1",
                "token_uri": "https://oauth2.googleapis.com/token",
            }
        )
    )
    return key.public_key()


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def why_not(token, key, now):
    """What is wrong with the token that a service account signed itself; None when nothing is."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    try:
        head, body, signature = token.split(".")
        key.verify(decoded(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
        head, body = json.loads(decoded(head)), json.loads(decoded(body))
    except (ValueError, InvalidSignature):
        return "the token is not signed by the account's key"
    if (head["alg"], head["kid"]) != ("RS256", "known"):
        return f"the token's head is {head}"
    if (body["iss"], body["sub"], body["scope"]) != (ACCOUNT, ACCOUNT, SCOPE):
        return f"the token is for {body}"
    if not body["iat"] - 60 <= now < body["exp"] <= body["iat"] + 3600:
        return f"the token's time is {body['iat']} to {body['exp']}, and now is {now}"
    return None


def of_google(directory):
    key = account(directory / "key.json", "known")
    account(directory / "other.json", "unknown")
    machine = secrets.token_hex()

    def answer(start_response, status, kind, text):
        start_response(status, [("Content-Type", kind)])
        return [text.encode()]

    def served(environ, start_response):
        path = environ["PATH_INFO"]
        if path == METADATA and environ.get("HTTP_METADATA_FLAVOR") == "Google":
            token = {"access_token": machine, "expires_in": 3599, "token_type": "Bearer"}
            return answer(start_response, "200 OK", "application/json", json.dumps(token))
        kind, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        who = "machine" if token == machine else "account"
        wrong = "no token" if kind != "Bearer" else None
        wrong = wrong or (why_not(token, key, time.time()) if who == "account" else None)
        if wrong:
            text = f"<Error><Code>AuthenticationRequired</Code><Message>{wrong}</Message></Error>"
            return answer(start_response, "401 Unauthorized", "application/xml", text)
        (directory / f"{who}.heard").touch()
        return of_s3(environ, start_response)

    return served


if __name__ == "__main__":
    served = of_google(Path(sys.argv[2])) if len(sys.argv) > 2 else of_s3
    port = int(sys.argv[1])
    made = Client(of_s3).put("/lake", base_url=f"http://127.0.0.1:{port}")
    assert made.status_code == 200, made.text
    run_simple("127.0.0.1", port, served, threaded=True)
