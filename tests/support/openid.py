"""An OpenID provider for tests: the code flow with PKCE, for the user that the test sets."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey


class Provider:
    """The state of the provider, which a test changes between two requests.

    :ivar claims: what it says of the user who signs in next.
    :ivar spoils: claims of the token that are not as they should be.
    :ivar refuses: it does not sign the user in.
    """

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, parameters={"kid": "first", "use": "sig", "alg": "RS256"})
        self.claims: dict[str, Any] = {"sub": "248289761001", "preferred_username": "vera", "groups": ["staff"]}
        self.spoils: dict[str, Any] = {}
        self.refuses = False
        self.client_id, self.client_secret = "hextrackr", "a secret of the client"
        self.url = ""
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}

    def discovery(self) -> dict[str, Any]:
        """The discovery document."""
        return {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys", "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/sign-out", "response_types_supported": ["code"],
            "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }  # fmt: skip

    def authorize(self, query: dict[str, str]) -> str:
        """Sign the user in without asking, and return the address to which the browser is redirected."""
        assert query["client_id"] == self.client_id and query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256" and "openid" in query["scope"].split()
        if self.refuses:
            answer = {"error": "access_denied", "error_description": "No.", "state": query["state"]}
        else:
            code = secrets.token_urlsafe(8)
            self._codes[code] = query
            answer = {"code": code, "state": query["state"]}
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Exchange a code for tokens, once, for the client that has begun the flow."""
        begun = self._codes.pop(form.get("code", ""), None)
        credentials = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        expected = f"{self.client_id}:{self.client_secret}"
        if begun is None or credentials != expected or challenge != begun["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.url, "aud": self.client_id, "iat": now, "exp": now + 60, "nonce": begun["nonce"]}
        id_token = jwt.encode({"alg": "RS256", "kid": self.key.kid}, {**claims, **self.claims, **self.spoils}, self.key)
        return 200, {"access_token": "x", "token_type": "Bearer", "expires_in": 3600, "id_token": id_token}


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            provider.asked.append(address.path)
            if address.path == "/authorize":
                query = {name: values[0] for name, values in parse_qs(address.query).items()}
                self._lead(provider.authorize(query))
            elif address.path == "/sign-out":
                query = {name: values[0] for name, values in parse_qs(address.query).items()}
                assert query["client_id"] == provider.client_id
                self._lead(query["post_logout_redirect_uri"])
            elif address.path == "/keys":
                self._answer(200, {"keys": [provider.key.as_dict(private=False)]})
            elif address.path == "/userinfo":
                self._answer(200, provider.claims)
            else:
                self._answer(200, provider.discovery())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(*provider.token(form, self.headers.get("Authorization", "Basic ")))

        def _lead(self, address: str) -> None:
            self.send_response(302)
            self.send_header("Location", address)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _answer(self, status: int, value: dict[str, Any]) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


@contextmanager
def serving() -> Iterator[Provider]:
    """Serve a provider on a free port of this machine."""
    provider = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(provider))
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
