"""AUTH=oidc: an OpenID provider signs users in; the code flow with PKCE, which Authlib carries out.

What the provider says of a user comes once, at the sign-in: from then on the user has a login as any other, until that ends.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, current_app, session
from joserfc.errors import JoseError
from requests import RequestException

from hextrackr.errors import SignInRefused

from . import audit, vouched
from .models import Provider, User

if TYPE_CHECKING:
    from hextrackr.config import Config

log = logging.getLogger(__name__)

#: Seconds that the provider may take to answer.
_PATIENCE = 10
#: What Authlib keeps of a sign-in that has begun stands in the cookie, under names that begin so; and where the user wanted to go.
_BEGUN, _WANTED = "_state_", "wanted"
#: Claims that may have a name for people, the best first.
_NAMES = ("preferred_username", "email", "name", "sub")


def init_app(app: Flask, config: Config) -> None:
    """Let the app know the provider, which is asked for its addresses and keys when the first user signs in."""
    oauth = OAuth(app)
    app.extensions["oidc"] = oauth.register(
        "provider",
        client_id=config.OIDC_CLIENT_ID,
        client_secret=config.OIDC_CLIENT_SECRET or None,
        server_metadata_url=f"{config.OIDC_ISSUER}/.well-known/openid-configuration",
        client_kwargs={
            "scope": config.OIDC_SCOPES,
            "code_challenge_method": "S256",
            "default_timeout": _PATIENCE,
            **({} if config.OIDC_CLIENT_SECRET else {"token_endpoint_auth_method": "none"}),
        },
    )


def begin(back: str, wanted: str) -> Any:
    """Lead the browser to the provider.

    :param back: the address to which the provider leads it back.
    :param wanted: the page to go to then.
    :raises SignInRefused: the provider cannot be asked.
    """
    for name in [name for name in session if name.startswith(_BEGUN)]:
        session.pop(name)  # begun and never ended
    session[_WANTED] = wanted
    try:
        return current_app.extensions["oidc"].authorize_redirect(back)
    except (OAuthError, RequestException, RuntimeError, ValueError, KeyError) as error:
        raise _refused(
            error, "The provider that signs users in cannot be reached; please try again in a moment."
        ) from error


def come_back() -> tuple[User, str]:
    """Take what the provider says of the user whom it has led back, and return the user and the page to go to.

    :raises SignInRefused: it has not signed the user in, or what came back is none of its.
    :raises NotPermitted: the user is disabled, or has no role here.
    """
    provider, config = current_app.extensions["oidc"], current_app.config
    wanted = str(session.pop(_WANTED, ""))
    try:
        token = provider.authorize_access_token()
        claims = dict(token.get("userinfo") or {})
        if not claims.get("sub"):
            raise OAuthError("no_id_token", "The provider has said nothing of the user.")
        roles, claim = dict(config["AUTH_GROUP_ROLES"]), config["OIDC_GROUPS_CLAIM"]
        if roles and claim not in claims:
            more = dict(provider.userinfo(token=token))
            if more.get("sub") != claims["sub"]:
                raise OAuthError("another_user", "The provider has told of another user.")
            claims |= more
    except (OAuthError, JoseError, RequestException, ValueError, KeyError) as error:
        refusal = _refused(error, "The provider has not signed you in; please try again.")
        audit.record("sign-in", outcome=refusal.code, after={"error": type(error).__name__})
        raise refusal from error
    groups = claims.get(claim) or []
    role = vouched.role_of(map(str, groups if isinstance(groups, list) else [groups]), roles)
    name = next(str(claims[each]) for each in _NAMES if claims.get(each))
    return vouched.user_of(Provider.OIDC, str(claims["sub"]), name, role), wanted


def _refused(error: Exception, words: str) -> SignInRefused:
    log.warning("A sign-in through the provider failed: %s: %s", type(error).__name__, error)
    return SignInRefused(words)
