"""AUTH=oidc: users sign in with an OpenID provider, by the authorization code flow with PKCE, which Authlib implements.

The provider is asked about a user only at the sign-in; from then on the user has a login like any other.
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
from .logins import Attempt
from .models import Provider, User

if TYPE_CHECKING:
    from hextrackr.config import Config

log = logging.getLogger(__name__)

#: Seconds to wait for a response of the provider.
_TIMEOUT = 10
#: Names in the cookie: the prefix of Authlib's state of a sign-in in progress, and the page to return to.
_STATE_PREFIX, _WANTED = "_state_", "wanted"
#: The longest address to return to, as the cookie has little room; a longer one loses its query string.
_LONGEST_WANTED = 1_000
_UNREACHABLE = "The sign-in provider cannot be reached; please try again in a moment."
#: The errors that Authlib raises if a response of the provider is invalid.
_INVALID_RESPONSE = (OAuthError, JoseError, ValueError, KeyError, TypeError, AttributeError)
#: Claims that may have a readable name, best first.
_NAMES = ("preferred_username", "email", "name", "sub")


def init_app(app: Flask, config: Config) -> None:
    """Register the provider; its addresses and keys are requested when the first user signs in."""
    oauth = OAuth(app)
    app.extensions["oidc"] = oauth.register(
        "provider",
        client_id=config.OIDC_CLIENT_ID,
        client_secret=config.OIDC_CLIENT_SECRET or None,
        server_metadata_url=f"{config.OIDC_ISSUER}/.well-known/openid-configuration",
        client_kwargs={
            "scope": config.OIDC_SCOPES,
            "code_challenge_method": "S256",
            "default_timeout": _TIMEOUT,
            **({} if config.OIDC_CLIENT_SECRET else {"token_endpoint_auth_method": "none"}),
        },
    )


def begin(back: str, wanted: str) -> Any:
    """Redirect the browser to the provider.

    :param back: the address to which the provider redirects it afterwards.
    :param wanted: the page to show then.
    :raises SignInRefused: the provider cannot be reached.
    """
    for name in [name for name in session if name.startswith(_STATE_PREFIX)]:
        session.pop(name)  # left by sign-ins that were not completed
    session[_WANTED] = wanted if len(wanted) <= _LONGEST_WANTED else wanted.partition("?")[0][:_LONGEST_WANTED]
    try:
        return current_app.extensions["oidc"].authorize_redirect(back)
    except (*_INVALID_RESPONSE, RequestException, RuntimeError) as error:
        raise _refused(error, _UNREACHABLE) from error


def complete(address: str) -> tuple[User, str]:
    """Complete the sign-in when the provider has redirected the browser back, and return the user and the page to show.

    :param address: the address of the browser.
    :raises SignInLocked: too many sign-ins from this address failed.
    :raises SignInRefused: the provider did not sign the user in, or its response is invalid.
    :raises NotPermitted: the user is disabled, or has no role.
    """
    attempt = Attempt(None, address)
    logins.refuse_while_locked(attempt)
    wanted = str(session.pop(_WANTED, ""))
    try:
        claims = _claims()
    except RequestException as error:
        raise _refused(error, _UNREACHABLE) from error
    except _INVALID_RESPONSE as error:
        refusal = _refused(error, "The provider did not sign you in; please try again.")
        raise logins.refused(attempt, refusal, after={"error": type(error).__name__}) from error
    name = vouched.printable_name(next(str(claims[each]) for each in _NAMES if claims.get(each)))
    try:
        roles = dict(current_app.config["AUTH_GROUP_ROLES"])
        return vouched.user_of(Provider.OIDC, claims["sub"], name, _groups(claims), roles), wanted
    except NotPermitted as refusal:
        raise logins.refused(attempt, refusal, f"user {name}", name=name) from refusal


def sign_out_address(back: str) -> str | None:
    """Return the address of the provider's own sign-out (OpenID Connect RP-Initiated Logout 1.0); None if it has none, or is unreachable.

    :param back: the address to which the provider redirects the browser afterwards.
    """
    try:
        address = current_app.extensions["oidc"].load_server_metadata().get("end_session_endpoint")
    except (*_INVALID_RESPONSE, RequestException, RuntimeError) as error:
        log.warning("The sign-out address of the provider could not be requested: %s", type(error).__name__)
        return None
    if not isinstance(address, str) or not address.startswith(("https://", "http://")):
        return None
    query = {"client_id": current_app.config["OIDC_CLIENT_ID"], "post_logout_redirect_uri": back}
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"


def _claims() -> dict[str, Any]:
    """Return the claims about the user: those of the ID token and, if the groups are missing there, of the userinfo endpoint.

    :raises OAuthError: the provider did not sign the user in; Authlib may also raise the other errors of ``_INVALID_RESPONSE``.
    """
    provider, config = current_app.extensions["oidc"], current_app.config
    token = provider.authorize_access_token()
    claims = dict(token.get("userinfo") or {})
    if not claims.get("sub") or not isinstance(claims["sub"], str):
        raise OAuthError("no_id_token", "The response does not identify the user.")
    if config["AUTH_GROUP_ROLES"] and config["OIDC_GROUPS_CLAIM"] not in claims:
        more = dict(provider.userinfo(token=token))
        if more.get("sub") != claims["sub"]:
            raise OAuthError("another_user", "The userinfo endpoint answered with another user.")
        claims |= more
    return claims


def _groups(claims: dict[str, Any]) -> list[str]:
    groups = claims.get(current_app.config["OIDC_GROUPS_CLAIM"]) or []
    return [str(group) for group in groups] if isinstance(groups, list) else [str(groups)]


def _refused(error: Exception, detail: str) -> SignInRefused:
    log.warning("A sign-in with the provider failed: %s: %s", type(error).__name__, error)
    return SignInRefused(detail)
