"""User management, for administrators."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from hextrackr.auth import actors, users
from hextrackr.auth.permissions import Role
from hextrackr.errors import RequestError

from . import payloads
from .account import require_sign_in

blueprint = Blueprint("users", __name__)
blueprint.before_request(require_sign_in)


@blueprint.get("/users")
def page() -> str:
    """Show the page of users."""
    return render_template("users.html", roles=[role.word for role in Role])


@blueprint.get("/api/users")
def all_users() -> dict[str, Any]:
    """Answer all users."""
    return {"data": users.listed()}


@blueprint.post("/api/users")
def add() -> tuple[dict[str, Any], int]:
    """Add a user."""
    payload = payloads.required()
    return users.add(
        payloads.text_of(payload, "name"), _role(payload.get("role")), payloads.text_of(payload, "password") or None
    ), 201


@blueprint.patch("/api/users/<int:user_id>")
def change(user_id: int) -> dict[str, Any]:
    """Change the role of a user, disable or enable the user, or set a new password."""
    payload, actor = payloads.required(), actors.current()
    role = _role(payload["role"]) if "role" in payload else None
    disabled = payload.get("disabled")
    if disabled is not None and not isinstance(disabled, bool):
        raise RequestError("disabled must be true or false.")
    password = payloads.text_of(payload, "password") if "password" in payload else None
    own = actor.login_id if actor and actor.user_id == user_id else None
    return users.change(user_id, role=role, disabled=disabled, password=password, keep_login=own)


def _role(word: Any) -> Role:
    try:
        return Role.of(str(word))
    except ValueError:
        raise RequestError(f"role must be one of {', '.join(role.word for role in Role)}.") from None
