"""One's own account: signing in and out, the first administrator, logins, tokens and the password."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for

from hextrackr.auth import Auth, actors, logins, tokens, users
from hextrackr.auth.actors import Actor
from hextrackr.auth.logins import Browser
from hextrackr.auth.permissions import SCOPES, Role
from hextrackr.errors import Conflict, HexTrackrError, NotFound, RequestError, SignInLocked, SignInNeeded

blueprint = Blueprint("account", __name__)


@blueprint.before_request
def needs_sign_in() -> None:
    """There are no accounts where anybody may do anything.

    :raises NotFound: ``NO_SIGN_IN``.
    """
    if not _auth().is_on:
        raise NotFound("This server has no sign-in: AUTH is none.", "NO_SIGN_IN")


# Signing in and out


@blueprint.get("/sign-in")
def sign_in() -> Any:
    """Where one signs in."""
    if actors.current() is not None:
        return redirect(_next(request.args.get("next", "")))
    return _sign_in_page(request.args.get("next", ""), signed_out="signed-out" in request.args)


@blueprint.post("/sign-in")
def sign_in_with_password() -> Any:
    """Sign in, and go to the page that was asked for."""
    if _auth().mode != "local":
        raise NotFound("Passwords are not asked for here.", "NO_PASSWORD")
    name, wanted = request.form.get("name", ""), request.form.get("next", "")
    try:
        secret = logins.sign_in(name, request.form.get("password", ""), _browser(), _auth().hours)
    except HexTrackrError as error:
        return _sign_in_page(wanted, name, error)
    _cookies().remember(secret)
    return redirect(_next(wanted))


@blueprint.get("/sign-in/provider")
def sign_in_elsewhere() -> Any:
    """Go to the provider, to sign in there."""
    wanted = request.args.get("next", "")
    try:
        return _provider().begin(url_for("account.back_from_provider", _external=True), wanted)
    except HexTrackrError as error:
        return _sign_in_page(wanted, error=error)


@blueprint.get("/sign-in/provider/back")
def back_from_provider() -> Any:
    """Come back from it, and go to the page that was asked for."""
    try:
        user, wanted = _provider().come_back(_browser().address)
    except HexTrackrError as error:
        return _sign_in_page("", error=error)
    _cookies().remember(logins.begin(user, _browser(), _auth().hours))
    return redirect(_next(wanted))


def _provider() -> ModuleType:
    if _auth().mode != "oidc":
        raise NotFound("Nobody else signs users in here.", "NO_PROVIDER")
    from hextrackr.auth import oidc  # loads Authlib, which no other mode needs

    return oidc


@blueprint.post("/sign-out")
def sign_out() -> Any:
    """Sign out; who has done so in another tab is led to the same page."""
    actor = actors.current()
    if actor is not None and actor.login_id is not None and actor.user_id is not None:
        logins.end(actor.user_id, actor.login_id)
    _cookies().forget()
    # the page says that the provider may still know the user
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
        nobody_yet=users.nobody_yet(),
        sign_out_there=there,
    )
    answer = make_response(page, error.status if error else 200)
    if isinstance(error, SignInLocked):
        answer.headers["Retry-After"] = str(max(1, round(error.seconds)))
    return answer


def _next(wanted: str) -> str:
    """A page of ours: an address that leads elsewhere is not followed."""
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if is_ours else url_for("pages.home")


# The first administrator


@blueprint.get("/set-up")
def set_up() -> Any:
    """Where the first administrator is made, by the link that the server has told its log."""
    return _set_up_page(_set_up_key())


@blueprint.post("/set-up")
def set_up_first() -> Any:
    """Make the first administrator, and sign in."""
    key, name, password = _set_up_key(), request.form.get("name", ""), request.form.get("password", "")
    try:
        if password != request.form.get("again", ""):
            raise RequestError("The two passwords are not the same.")
        users.set_up(name, password)
        secret = logins.sign_in(name, password, _browser(), _auth().hours)
    except HexTrackrError as error:
        return _set_up_page(key, name, error)
    _cookies().remember(secret)
    return redirect(url_for("pages.home"))


def _set_up_key() -> str:
    key = request.values.get("key", "")
    if _auth().mode != "local" or not users.is_set_up_key(key):
        raise NotFound("This link holds no longer, or never did. The server's log has the one that does.", "NO_SET_UP")
    return key


def _set_up_page(key: str, name: str = "", error: HexTrackrError | None = None) -> tuple[str, int]:
    page = render_template("set_up.html", key=key, name=name, error=error and error.detail)
    return page, error.status if error else 200


# The account


@blueprint.get("/account")
def account() -> str:
    """One's password, logins and tokens."""
    actor = _actor()
    scopes = [scope for scope, role in SCOPES.items() if role <= actor.role]
    return render_template("account.html", scopes=scopes, has_password=_auth().mode == "local")


@blueprint.get("/api/account")
def own() -> dict[str, Any]:
    """Who one is, where one is signed in, and one's tokens."""
    actor, user_id = _actor(), _user_id()
    told = [{**login, "current": login["id"] == actor.login_id} for login in logins.listed(user_id)]
    return {"name": actor.name, "role": Role(actor.role).word, "logins": told, "tokens": tokens.listed(user_id)}


@blueprint.post("/api/account/password")
def change_password() -> dict[str, Any]:
    """Change one's password; every other login ends."""
    said, actor, user_id = body(), _actor(), _user_id()
    if _auth().mode != "local":
        raise Conflict("You sign in elsewhere and have no password here.", "NO_PASSWORD")
    secret = logins.sign_in(actor.name, text_of(said, "current"), _browser(), _auth().hours)
    users.change(user_id, password=text_of(said, "password"))
    del secret  # it has ended with the others
    _cookies().remember(logins.sign_in(actor.name, text_of(said, "password"), _browser(), _auth().hours))
    return {"success": True}


@blueprint.delete("/api/account/logins/<int:login_id>")
def end_login(login_id: int) -> dict[str, Any]:
    """End one of one's logins."""
    logins.end(_user_id(), login_id)
    return {"success": True}


@blueprint.delete("/api/account/logins")
def end_logins() -> dict[str, Any]:
    """Sign out everywhere, here as well."""
    logins.end_all(_user_id())
    _cookies().forget()
    return {"success": True}


@blueprint.post("/api/account/tokens")
def make_token() -> tuple[dict[str, Any], int]:
    """Make a token; its text is told this once."""
    said = body()
    days = said.get("days")
    if days is not None and (isinstance(days, bool) or not isinstance(days, int)):
        raise RequestError("days must be a whole number, or null for a token that does not run out.")
    return tokens.make(_user_id(), text_of(said, "name"), text_of(said, "scope"), days), 201


@blueprint.delete("/api/account/tokens/<int:token_id>")
def revoke_token(token_id: int) -> dict[str, Any]:
    """Let a token hold no longer."""
    tokens.revoke(_user_id(), token_id)
    return {"success": True}


def body() -> dict[str, Any]:
    """The JSON object that a request brings.

    :raises RequestError: it brings none.
    """
    said = request.get_json(silent=True)
    if not isinstance(said, dict):
        raise RequestError("The body must be a JSON object.")
    return said


def text_of(said: dict[str, Any], name: str) -> str:
    """A text of it.

    :raises RequestError: it is none.
    """
    value = said.get(name, "")
    if not isinstance(value, str):
        raise RequestError(f"{name} must be a text.")
    return value


def _cookies() -> ModuleType:
    from hextrackr.auth import identification  # loads Flask-Login, which is not needed without a sign-in

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
