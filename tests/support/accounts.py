"""The users of tests."""

from __future__ import annotations

from hextrackr.auth.permissions import Role

PASSWORD = "four words without sense"
#: Who there is, by name.
USERS = {"vera": Role.VIEWER, "oskar": Role.OPERATOR, "ada": Role.ADMIN}
