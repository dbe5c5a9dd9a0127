"""The permissions of all routes, socket events, commands and buttons. Nobody may use a route or an event that is not listed here.

A route is named by its endpoint; a button or link by the endpoint that it leads to (``may("imports.undo")`` in a template). A command needs
no role, as the account that runs it can read and write the data folder anyway, but it is written to the audit log.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from hextrackr.progress import protocol


class Role(IntEnum):
    """The roles; each includes the permissions of the ones before it."""

    #: View and export the record.
    VIEWER = 1
    #: Import, answer an import's question, cancel and undo.
    OPERATOR = 2
    #: Manage users, mappings, sources, backups and the record, and read the audit log.
    ADMIN = 3

    @property
    def word(self) -> str:
        """The name in settings, in the API and on pages."""
        return self.name.lower()

    @classmethod
    def of(cls, word: str) -> Role:
        """Return the role with this name.

        :raises ValueError: there is no such role.
        """
        try:
            return cls[word.strip().upper()]
        except KeyError:
            raise ValueError(f"unknown role '{word}'; expected viewer, operator or admin") from None


#: Scope of a token -> the highest role that it gives.
SCOPES = {"read": Role.VIEWER, "import": Role.OPERATOR, "admin": Role.ADMIN}


@dataclass(frozen=True)
class Permission:
    """What a route, event or command requires.

    :ivar role: the lowest role; None if no sign-in is needed.
    :ivar action: the action in the audit log; empty if it is not logged.
    :ivar in_person: the user must be signed in; a token is not enough.
    """

    role: Role | None
    action: str = ""
    in_person: bool = False


OPEN = Permission(None)
_LOOK = Permission(Role.VIEWER)
_EXPORT = Permission(Role.VIEWER, "export")
#: The user's own account.
_OWN = Permission(Role.VIEWER, in_person=True)
_ADMIN = Permission(Role.ADMIN)


def _operator(action: str) -> Permission:
    return Permission(Role.OPERATOR, action)


def _admin(action: str, *, in_person: bool = False) -> Permission:
    return Permission(Role.ADMIN, action, in_person)


#: Endpoint of a route -> its permission.
ROUTES: dict[str, Permission] = {
    # static files, health checks and sign-in; sockets are checked when they connect and for each event
    "static": OPEN,
    "asset": OPEN,
    "shared_asset": OPEN,
    "system.health": OPEN,
    "system.ready": OPEN,
    "sockets": OPEN,
    "account.sign_in": OPEN,
    "account.sign_in_with_password": OPEN,
    "account.sign_in_elsewhere": OPEN,
    "account.back_from_provider": OPEN,
    "account.sign_out": OPEN,
    "account.set_up": OPEN,
    "account.set_up_first": OPEN,
    # view
    "pages.home": _LOOK,
    "pages.imports": _LOOK,
    "pages.one_import": _LOOK,
    "pages.vulnerabilities": _LOOK,
    "pages.trends": _LOOK,
    "pages.host": _LOOK,
    "pages.host_named": _LOOK,
    "pages.definition": _LOOK,
    "pages.one_cve": _LOOK,
    "imports.imports": _LOOK,
    "imports.one_import": _LOOK,
    "mappings.mappings": _LOOK,
    "progress.progress": _LOOK,
    "vulnerabilities.vulnerabilities": _LOOK,
    "vulnerabilities.groups": _LOOK,
    "vulnerabilities.suggestions": _LOOK,
    "vulnerabilities.one_vulnerability": _LOOK,
    "vulnerabilities.stats": _LOOK,
    "vulnerabilities.host": _LOOK,
    "vulnerabilities.definition": _LOOK,
    "vulnerabilities.one_cve": _LOOK,
    "vulnerabilities.sources": _LOOK,
    "trends.recent_changes": _LOOK,
    "trends.response_times": _LOOK,
    "trends.trends": _LOOK,
    "sources.page": _LOOK,
    "sources.overview": _LOOK,
    "system.metrics": _LOOK,
    # export
    "vulnerabilities.exported": _EXPORT,
    "trends.trends_as_csv": _EXPORT,
    "imports.rejects": _EXPORT,
    # import
    "imports.import_staging": _operator("import"),
    "imports.import_and_wait": _operator("import"),
    "imports.recognise": _operator(""),
    "imports.retry": _operator("import"),
    "imports.delete": _operator("delete"),
    "imports.cancel": _operator("cancel"),
    "imports.cancel_session": _operator("cancel"),
    "imports.confirm": _operator("confirm"),
    "imports.undo": _operator("undo"),
    # mappings
    "pages.mappings": _ADMIN,
    "pages.mapping": _ADMIN,
    "pages.saved_mapping": _ADMIN,
    "mappings.columns_of_import": _ADMIN,
    "mappings.columns_of_mapping": _ADMIN,
    "mappings.try_mapping": _ADMIN,
    "mappings.save": _admin("mapping"),
    "mappings.change": _admin("mapping"),
    "mappings.delete": _admin("mapping"),
    # sources
    "sources.rename": _admin("source"),
    "sources.retire": _admin("source"),
    "sources.activate": _admin("source"),
    "sources.forecast": _ADMIN,
    "sources.merge": _admin("source"),
    # the record as a whole
    "pages.data": _ADMIN,
    "backups.backups": _ADMIN,
    "backups.back_up": _admin("backup"),
    "backups.upload": _admin("backup"),
    "backups.fetch": _admin("export"),
    "backups.remove": _admin("backup"),
    "backups.restore": _admin("restore"),
    "backups.clear": _admin("clear"),
    # the user's own account; the functions that change it write the audit entries
    "account.account": _OWN,
    "account.own": _OWN,
    "account.change_password": _OWN,
    "account.end_login": _OWN,
    "account.end_logins": _OWN,
    "account.make_token": _OWN,
    "account.revoke_token": _OWN,
    # how the server is reached
    "connection.page": _ADMIN,
    "connection.checks": _ADMIN,
    "connection.receive": _ADMIN,
    # users and the audit
    "users.page": _ADMIN,
    "users.all_users": _ADMIN,
    "users.add": _admin("", in_person=True),
    "users.change": _admin("", in_person=True),
    "audit.page": _ADMIN,
    "audit.entries": _ADMIN,
    "audit.as_csv": _admin("export"),
}

#: Socket event -> its permission; joining a session has further conditions, see :mod:`.guard`.
EVENTS: dict[str, Permission] = {
    "connect": _LOOK,
    protocol.JOIN: _LOOK,
    protocol.LEAVE: _LOOK,
    protocol.PING: _LOOK,
}

#: Command -> the action in the audit log.
COMMANDS: dict[str, str] = {
    "import-csv": "import",
    "confirm-import": "confirm",
    "cancel-import": "cancel",
    "backup": "backup",
    "restore": "restore",
    "clear": "clear",
}
