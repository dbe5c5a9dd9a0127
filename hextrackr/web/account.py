"""The user's own account: sign in and out, create the first administrator, manage logins, tokens and the password."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for

from hextrackr.auth import Auth, actors, logins, tokens, users
from hextrackr.auth.actors import Actor
from hextrackr.auth.logins import Browser
from hextrackr.auth.permissions import SCOPES, Role
from hextrackr.errors import Conflict, HexTrackrError, NotFound, RequestError, SignInLocked, SignInNeeded

from . import payloads

blueprint = Blueprint("account", __name__)


@blueprint.before_request
def require_sign_in() -> None:
    """Refuse requests about accounts if the server has no sign-in.

    :raises NotFound: ``NO_SIGN_IN``.
    """
    if not _auth().is_on:
        raise NotFound("This server has no sign-in (AUTH=none).", "NO_SIGN_IN")


# Sign in and out


@blueprint.get("/sign-in")
def sign_in() -> Any:
    """Show the sign-in page."""
    if actors.current() is not None:
        return redirect(_next(request.args.get("next", "")))
    return _sign_in_page(request.args.get("next", ""), signed_out="signed-out" in request.args)


@blueprint.post("/sign-in")
def sign_in_with_password() -> Any:
    """Sign in, and go to the page that the user wanted."""
    if _auth().mode != "local":
        raise NotFound("Users do not sign in with passwords on this server.", "NO_PASSWORD")
    name, wanted = request.form.get("name", ""), request.form.get("next", "")
    try:
        secret = logins.sign_in(name, request.form.get("password", ""), _browser(), _auth().hours)
    except HexTrackrError as error:
        return _sign_in_page(wanted, name, error)
    _cookies().remember(secret)
    return redirect(_next(wanted))


@blueprint.get("/sign-in/provider")
def sign_in_elsewhere() -> Any:
    """Redirect to the provider to sign in there."""
    wanted = request.args.get("next", "")
    try:
        return _provider().begin(url_for("account.back_from_provider", _external=True), wanted)
    except HexTrackrError as error:
        return _sign_in_page(wanted, error=error)


@blueprint.get("/sign-in/provider/back")
def back_from_provider() -> Any:
    """Complete a sign-in with the provider, and go to the page that the user wanted."""
    try:
        user, wanted = _provider().complete(_browser().address)
    except HexTrackrError as error:
        return _sign_in_page("", error=error)
    _cookies().remember(logins.begin(user, _browser(), _auth().hours))
    return redirect(_next(wanted))


def _provider() -> ModuleType:
    if _auth().mode != "oidc":
        raise NotFound("This server has no sign-in provider.", "NO_PROVIDER")
    from hextrackr.auth import oidc  # imports Authlib, which no other mode needs

    return oidc


@blueprint.post("/sign-out")
def sign_out() -> Any:
    """Sign out; does no harm if the user has already signed out in another tab."""
    actor = actors.current()
    if actor is not None and actor.login_id is not None and actor.user_id is not None:
        logins.end(actor.user_id, actor.login_id)
    _cookies().forget()
    # the page says that the user may still be signed in with the provider
    page = url_for("account.sign_in")
    return redirect(f"{page}?signed-out=here" if _auth().mode == "oidc" else page)


def _sign_in_page(
    wanted: str, name: str = "", error: HexTrackrError | None = None, *, signed_out: bool = False
) -> Response:
    there = None
    if signed_out and _auth().mode == "oidc":
        there = _provider().sign_out_address(url_for("account.sign_in", _external=True))
    page = render_template(
        "sign_in.html",
        next=wanted,
        name=name,
        error=error and error.detail,
        no_users=users.is_empty(),
        sign_out_there=there,
    )
    answer = make_response(page, error.status if error else 200)
    if isinstance(error, SignInLocked):
        answer.headers["Retry-After"] = str(max(1, round(error.seconds)))
    return answer


def _next(wanted: str) -> str:
    """Return the page to go to, unless the address leads to another site."""
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if is_ours else url_for("pages.home")


# The first administrator


@blueprint.get("/set-up")
def set_up() -> Any:
    """Show the page that creates the first administrator; the link is in the server's log."""
    return _set_up_page(_set_up_key())


@blueprint.post("/set-up")
def set_up_first() -> Any:
    """Create the first administrator, and sign in."""
    key, name, password = _set_up_key(), request.form.get("name", ""), request.form.get("password", "")
    try:
        if password != request.form.get("again", ""):
            raise RequestError("The two passwords are different.")
        users.set_up(name, password)
        secret = logins.sign_in(name, password, _browser(), _auth().hours)
    except HexTrackrError as error:
        return _set_up_page(key, name, error)
    _cookies().remember(secret)
    return redirect(url_for("pages.home"))


def _set_up_key() -> str:
    key = request.values.get("key", "")
    if _auth().mode != "local" or not users.is_set_up_key(key):
        raise NotFound("This link is not valid, or not any more. The server's log has the current one.", "NO_SET_UP")
    return key


def _set_up_page(key: str, name: str = "", error: HexTrackrError | None = None) -> tuple[str, int]:
    page = render_template("set_up.html", key=key, name=name, error=error and error.detail)
    return page, error.status if error else 200


# The account


@blueprint.get("/account")
def account() -> str:
    """Show the user's password, logins and tokens."""
    actor = _actor()
    scopes = [scope for scope, role in SCOPES.items() if role <= actor.role]
    return render_template("account.html", scopes=scopes, has_password=_auth().mode == "local")


@blueprint.get("/api/account")
def own() -> dict[str, Any]:
    """Answer the user's name, role, logins and tokens."""
    actor, user_id = _actor(), _user_id()
    entries = [{**login, "current": login["id"] == actor.login_id} for login in logins.listed(user_id)]
    return {"name": actor.name, "role": Role(actor.role).word, "logins": entries, "tokens": tokens.listed(user_id)}


@blueprint.post("/api/account/password")
def change_password() -> dict[str, Any]:
    """Change the user's password, which ends all other logins."""
    payload, actor, user_id = payloads.required(), _actor(), _user_id()
    if _auth().mode != "local":
        raise Conflict("You sign in with another provider and have no password here.", "NO_PASSWORD")
    # Check the current password by a sign-in, which counts failures; the change ends this login with all others.
    logins.sign_in(actor.name, payloads.text_of(payload, "current"), _browser(), _auth().hours)
    users.change(user_id, password=payloads.text_of(payload, "password"))
    _cookies().remember(logins.sign_in(actor.name, payloads.text_of(payload, "password"), _browser(), _auth().hours))
    return {"success": True}


@blueprint.delete("/api/account/logins/<int:login_id>")
def end_login(login_id: int) -> dict[str, Any]:
    """End one of the user's logins."""
    logins.end(_user_id(), login_id)
    return {"success": True}


@blueprint.delete("/api/account/logins")
def end_logins() -> dict[str, Any]:
    """Sign the user out everywhere, including this browser."""
    logins.end_all(_user_id())
    _cookies().forget()
    return {"success": True}


@blueprint.post("/api/account/tokens")
def make_token() -> tuple[dict[str, Any], int]:
    """Make a token, and answer its text, which is never shown again."""
    payload = payloads.required()
    days = payload.get("days")
    if days is not None and (isinstance(days, bool) or not isinstance(days, int)):
        raise RequestError("days must be a whole number, or null for a token that does not expire.")
    return tokens.make(_user_id(), payloads.text_of(payload, "name"), payloads.text_of(payload, "scope"), days), 201


@blueprint.delete("/api/account/tokens/<int:token_id>")
def revoke_token(token_id: int) -> dict[str, Any]:
    """Revoke a token."""
    tokens.revoke(_user_id(), token_id)
    return {"success": True}


def _cookies() -> ModuleType:
    from hextrackr.auth import identification  # imports Flask-Login, which is not needed without a sign-in

    return identification


def _auth() -> Auth:
    auth: Auth = current_app.extensions["auth"]
    return auth


def _actor() -> Actor:
    actor = actors.current()
    if actor is None:
        raise SignInNeeded
    return actor


def _user_id() -> int:
    user_id = _actor().user_id
    if user_id is None:
        raise SignInNeeded
    return user_id


def _browser() -> Browser:
    return Browser(request.remote_addr or "", request.headers.get("User-Agent", ""))
