"""AUTH=oidc: an OpenID provider signs users in; the code flow with PKCE, which Authlib carries out.

What the provider says of a user comes once, at the sign-in: from then on the user has a login as any other, until that ends.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, current_app, session
from joserfc.errors import JoseError
from requests import RequestException

from hextrackr.errors import NotPermitted, SignInRefused

from . import logins, vouched
from .lockout import Attempt
from .models import Provider, User

if TYPE_CHECKING:
    from hextrackr.config import Config

log = logging.getLogger(__name__)

#: Seconds that the provider may take to answer.
_PATIENCE = 10
#: What Authlib keeps of a sign-in that has begun stands in the cookie, under names that begin so; and where the user wanted to go.
_BEGUN, _WANTED = "_state_", "wanted"
#: Characters of an address to go back to that the cookie has room for; of a longer one its query is left out.
_LONGEST_WANTED = 1_000
_AWAY = "The provider that signs users in cannot be reached; please try again in a moment."
#: What Authlib raises where the provider answers with something else than it should.
_NONSENSE = (OAuthError, JoseError, ValueError, KeyError, TypeError, AttributeError)
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
    session[_WANTED] = wanted if len(wanted) <= _LONGEST_WANTED else wanted.partition("?")[0][:_LONGEST_WANTED]
    try:
        return current_app.extensions["oidc"].authorize_redirect(back)
    except (*_NONSENSE, RequestException, RuntimeError) as error:
        raise _refused(error, _AWAY) from error


def come_back(address: str) -> tuple[User, str]:
    """Take what the provider says of the user whom it has led back, and return the user and the page to go to.

    :param address: where the user is.
    :raises SignInLocked: too much has come back from there that signs nobody in.
    :raises SignInRefused: it has not signed the user in, or what came back is none of its.
    :raises NotPermitted: the user is disabled, or has no role here.
    """
    attempt = Attempt(None, address)
    logins.refuse_while_locked(attempt)
    wanted = str(session.pop(_WANTED, ""))
    try:
        claims = _claims()
    except RequestException as error:
        raise _refused(error, _AWAY) from error
    except _NONSENSE as error:
        refusal = _refused(error, "The provider has not signed you in; please try again.")
        raise logins.refused(attempt, refusal, after={"error": type(error).__name__}) from error
    name = vouched.shown_name(next(str(claims[each]) for each in _NAMES if claims.get(each)))
    try:
        roles = dict(current_app.config["AUTH_GROUP_ROLES"])
        return vouched.user_of(Provider.OIDC, claims["sub"], name, _groups(claims), roles), wanted
    except NotPermitted as refusal:
        raise logins.refused(attempt, refusal, f"user {name}", name=name) from refusal


def sign_out_address(back: str) -> str | None:
    """Where a user signs out of the provider itself (OpenID Connect RP-Initiated Logout 1.0); None if it has no such page, or is away.

    :param back: the address to which the provider leads the browser then.
    """
    try:
        address = current_app.extensions["oidc"].load_server_metadata().get("end_session_endpoint")
    except (*_NONSENSE, RequestException, RuntimeError) as error:
        log.warning("The provider does not say where users sign out: %s", type(error).__name__)
        return None
    if not isinstance(address, str) or not address.startswith(("https://", "http://")):
        return None
    asked = {"client_id": current_app.config["OIDC_CLIENT_ID"], "post_logout_redirect_uri": back}
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"


def _claims() -> dict[str, Any]:
    """What the provider says of the user, in the token or, if the groups are not there, when it is asked.

    :raises OAuthError: it has not signed the user in; and whatever else Authlib raises.
    """
    provider, config = current_app.extensions["oidc"], current_app.config
    token = provider.authorize_access_token()
    claims = dict(token.get("userinfo") or {})
    if not claims.get("sub") or not isinstance(claims["sub"], str):
        raise OAuthError("no_id_token", "The provider has said nothing of the user.")
    if config["AUTH_GROUP_ROLES"] and config["OIDC_GROUPS_CLAIM"] not in claims:
        more = dict(provider.userinfo(token=token))
        if more.get("sub") != claims["sub"]:
            raise OAuthError("another_user", "The provider has told of another user.")
        claims |= more
    return claims


def _groups(claims: dict[str, Any]) -> list[str]:
    groups = claims.get(current_app.config["OIDC_GROUPS_CLAIM"]) or []
    return [str(group) for group in groups] if isinstance(groups, list) else [str(groups)]


def _refused(error: Exception, words: str) -> SignInRefused:
    log.warning("A sign-in through the provider failed: %s: %s", type(error).__name__, error)
    return SignInRefused(words)
