"""All settings, read from the environment once.

Each field is an environment variable with the same name. An invalid value prevents the start, with a message that names the setting.
``.env.example`` and ``docs/settings.md`` list the same names; a test compares the three.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import limits
from dotenv import dotenv_values

from .paths import HOME

LOOPBACK = ("localhost", "127.0.0.1", "::1")
ASYNC_MODES = ("eventlet", "threading")
ROLES = ("viewer", "operator", "admin")
AUTH_MODES = ("none", "local", "proxy", "oidc")
CORS_DEFAULT = ("http://localhost:8080", "http://127.0.0.1:8080")


class SettingError(ValueError):
    """A setting has an invalid value; the message names both."""


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError("must be a whole number") from None
        if not low <= value <= high:
            raise ValueError(f"must be between {low} and {high}")
        return value

    return parse


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError("must be " + " or ".join(allowed))
        return text

    return parse


def _memory(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d*\s?(MB|MiB|GB|GiB)", text):
        raise ValueError("must be a size such as 256MB")
    return text


def _memory_or_off(text: str) -> str:
    return text if text == "off" else _memory(text)


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())
    for origin in origins:
        if not re.fullmatch(r"https?://[^/\s*]+", origin):
            raise ValueError(f"'{origin}' is not an origin such as https://host:port")
    return origins


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(part.strip().lower().strip("[]") for part in text.split(",") if part.strip())
    for host in hosts:
        if not re.fullmatch(r"\.?[a-z0-9._-]+|[0-9a-f:.]+", host):
            raise ValueError(f"'{host}' is not a host name such as scans.example.org")
    return hosts


def _header(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+", text):
        raise ValueError("must be a header name such as Remote-User")
    return text


def _page(text: str) -> str:
    if not re.fullmatch(r"(/(?!/)|https?://)[^\s\\]+", text):
        raise ValueError("must be a path or a URL, such as /oauth2/sign_out")
    return text


def _issuer(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s?#]+", text):
        raise ValueError("must be the URL of a provider, such as https://login.example.org/realms/main")
    return text.rstrip("/")


def _scopes(text: str) -> str:
    if "openid" not in text.split():
        raise ValueError("must include openid")
    return text


def _networks(text: str) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(part.strip())) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"must be addresses or networks such as 10.0.0.0/24 ({error})") from None


def _group_roles(text: str) -> tuple[tuple[str, str], ...]:
    pairs = tuple(tuple(side.strip() for side in part.rpartition("=")[::2]) for part in text.split(",") if part.strip())
    for group, role in pairs:
        if not group or role not in ROLES:
            raise ValueError(f"must be pairs such as soc=operator, with one of {', '.join(ROLES)}")
    return pairs  # type: ignore[return-value]


def _database(text: str) -> str:
    if not re.match(r"(sqlite|postgres(ql)?(\+psycopg)?):", text):
        raise ValueError("must begin with sqlite:/// or postgresql://")
    if text.startswith("sqlite:") and re.fullmatch(r"sqlite:(///)?|sqlite:(?!///).*|sqlite:///:memory:.*", text):
        raise ValueError("must name a file, such as sqlite:////var/lib/hextrackr/hextrackr.sqlite3")
    return text


def _rate(text: str) -> str:
    if text != "off":
        try:
            limits.parse_many(text)
        except ValueError:
            raise ValueError("must be rates such as '60 per second; 1800 per minute', or off") from None
    return text


def _redis(text: str) -> str:
    if not re.fullmatch(r"(rediss?://[^/\s]+(/\d+)?|unix://\S+)", text):
        raise ValueError("must be a URL such as redis://host:6379/0")
    return text


def _setting(default: Any, parse: Callable[[str], Any] = str) -> Any:
    return field(default=default, metadata={"parse": parse})


@dataclass(frozen=True)
class Config:
    """The settings of one server."""

    HOST: str = _setting("127.0.0.1")
    PORT: int = _setting(8989, _whole(1, 65535))
    #: Database, uploads, secrets and spill files.
    INSTANCE_PATH: Path = _setting(HOME / "instance", lambda text: Path(text).expanduser().resolve())
    #: If empty, SQLite in INSTANCE_PATH.
    DATABASE_URL: str = _setting("", _database)
    #: The Redis or Valkey through which web processes and workers share events and live sessions; empty for a single process.
    REDIS_URL: str = _setting("", _redis)
    #: ``embedded`` runs imports in children of the web process; ``celery`` runs them in workers (``make worker``), which needs REDIS_URL.
    IMPORT_WORKERS: str = _setting("embedded", _one_of("embedded", "celery"))
    #: How users sign in: ``none`` (no sign-in, anybody may do anything), ``local`` (with passwords), ``proxy`` (a proxy signs them in) or
    #: ``oidc`` (an OpenID provider does). The default is ``none`` on a loopback address; on others it must be set.
    AUTH: str = _setting("none", _one_of(*AUTH_MODES))
    #: With ``AUTH=proxy``: the headers with the user and the groups, and the addresses of the proxies that may send them.
    AUTH_PROXY_USER_HEADER: str = _setting("Remote-User", _header)
    AUTH_PROXY_GROUPS_HEADER: str = _setting("Remote-Groups", _header)
    AUTH_PROXY_ADDRESSES: tuple[str, ...] = _setting(("127.0.0.1/32", "::1/128"), _networks)
    #: Where the proxy signs users out; if empty, pages have no link to it.
    AUTH_PROXY_SIGN_OUT_URL: str = _setting("", _page)
    #: With ``AUTH=oidc``: the provider, this server's client id there, and the claim with a user's groups.
    OIDC_ISSUER: str = _setting("", _issuer)
    OIDC_CLIENT_ID: str = _setting("")
    #: Empty for a public client.
    OIDC_CLIENT_SECRET: str = _setting("")
    OIDC_SCOPES: str = _setting("openid profile email", _scopes)
    OIDC_GROUPS_CLAIM: str = _setting("groups")
    #: Group -> role, with the groups of the proxy or provider, and ``*`` for everybody; if empty, roles are assigned to users.
    AUTH_GROUP_ROLES: tuple[tuple[str, str], ...] = _setting((), _group_roles)
    #: Hours after which a login ends.
    SESSION_HOURS: int = _setting(12, _whole(1, 24 * 365))
    #: If empty, generated on the first start and stored in INSTANCE_PATH with mode 0600.
    SECRET_KEY: str = _setting("")
    CORS_ORIGINS: tuple[str, ...] = _setting(CORS_DEFAULT, _origins)
    ASYNC_MODE: str = _setting("eventlet", _one_of(*ASYNC_MODES))
    #: Bytes; the default is 2 GiB.
    UPLOAD_MAX_BYTES: int = _setting(2 * 1024**3, _whole(1, 1 << 50))
    #: The minimum interval between two updates of one session, in milliseconds.
    PROGRESS_INTERVAL_MS: int = _setting(200, _whole(100, 10_000))
    #: An import that would resolve more than this percentage of its source's open findings asks for confirmation.
    RESOLVE_GUARD_PERCENT: int = _setting(50, _whole(0, 100))
    #: The memory limit of DuckDB in an import; more data spills to INSTANCE_PATH.
    DUCKDB_MEMORY_LIMIT: str = _setting("256MB", _memory)
    #: The address space limit of the importer process; an import that needs more fails. ``off`` means no limit.
    IMPORTER_MEMORY_LIMIT: str = _setting("4GB", _memory_or_off)
    #: The niceness of imports, so that the server's event loop and other programs have priority.
    IMPORTER_NICENESS: int = _setting(3, _whole(0, 19))
    #: The memory limit of DuckDB in the reader process; more data spills to INSTANCE_PATH.
    READER_MEMORY_LIMIT: str = _setting("192MB", _memory)
    #: The time limit of the query of a list, a search or a page, in seconds.
    READER_DEADLINE: int = _setting(10, _whole(1, 600))
    #: The maximum number of open sockets of one address; a page uses one. Clients behind a proxy share its address without TRUSTED_PROXIES.
    SOCKETS_PER_ADDRESS: int = _setting(500, _whole(1, 1_000_000))
    #: The limit of API requests from one address, in the notation of the library "limits"; ``off`` means no limit.
    API_RATE_LIMIT: str = _setting("60 per second; 1800 per minute", _rate)
    #: The number of proxies in front of the server that send the client's address in X-Forwarded-For.
    TRUSTED_PROXIES: int = _setting(0, _whole(0, 10))
    #: Host names that browsers may use; by default those of this machine if HOST is a loopback address, else any.
    ALLOWED_HOSTS: tuple[str, ...] = _setting((), _hosts)
    #: Write one prepared websocket frame to all clients of a room; ``off`` lets the library make one for each client.
    FAST_BROADCAST: str = _setting("on", _one_of("on", "off"))
    LOG_LEVEL: str = _setting("INFO", _one_of("DEBUG", "INFO", "WARNING", "ERROR"))
    #: ``json`` writes each log record as an object, with the import and the session that it is about.
    LOG_FORMAT: str = _setting("text", _one_of("text", "json"))
    #: Whether ``/metrics`` is served.
    METRICS: str = _setting("on", _one_of("on", "off"))
    TESTING: bool = False

    @classmethod
    def of_server(cls) -> Config:
        """Read the settings from the environment and the file ``.env``; an invalid one ends the program."""
        environ = {name: value or "" for name, value in dotenv_values(HOME / ".env").items()}
        try:
            return cls.from_env({**environ, **os.environ})
        except SettingError as error:
            raise SystemExit(str(error)) from None

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Config:
        """Read every setting from ``environ``; an unset or empty variable means the default.

        :raises SettingError: a value is invalid.
        """
        values = {}
        for setting in fields(cls):
            text = environ.get(setting.name, "").strip()
            if text and "parse" in setting.metadata:
                try:
                    values[setting.name] = setting.metadata["parse"](text)
                except ValueError as error:
                    raise SettingError(f"{setting.name}={text!r} cannot be used: {error}.") from None
        config = cls(**values)
        if "AUTH" not in values and not _is_loopback(config.HOST):
            raise SettingError(
                f"HOST={config.HOST!r} cannot be used without AUTH, as other machines can reach the server: "
                "AUTH=local requires a password, AUTH=none lets anybody do anything."
            )
        if config.AUTH == "proxy" and not config.TRUSTED_PROXIES:
            raise SettingError(
                "AUTH='proxy' cannot be used: it needs TRUSTED_PROXIES, the number of proxies in front of the server."
            )
        if config.AUTH == "oidc" and not (config.OIDC_ISSUER and config.OIDC_CLIENT_ID):
            raise SettingError("AUTH='oidc' cannot be used: it needs OIDC_ISSUER and OIDC_CLIENT_ID.")
        if config.IMPORT_WORKERS == "celery" and not config.REDIS_URL:
            raise SettingError("IMPORT_WORKERS='celery' cannot be used: it needs REDIS_URL.")
        return config

    @property
    def group_roles(self) -> dict[str, str]:
        """Group -> role."""
        return dict(self.AUTH_GROUP_ROLES)

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the database, with our driver."""
        if self.DATABASE_URL and not self.DATABASE_URL.startswith("sqlite:"):
            return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", self.DATABASE_URL)
        url, _, query = self.DATABASE_URL.partition("?")
        if url.startswith("sqlite:///file:"):
            return self.DATABASE_URL
        # Relative to INSTANCE_PATH, not to the working directory, so that all processes find the same file.
        path = self.INSTANCE_PATH / (unquote(url.removeprefix("sqlite:///")) or "hextrackr.sqlite3")
        return f"sqlite:///{quote(str(path), safe='/')}{f'?{query}' if query else ''}"

    @property
    def allowed_origins(self) -> list[str]:
        """The origins of pages that may call the server: CORS_ORIGINS and the server's own."""
        own = {self.HOST, "127.0.0.1", "localhost"} if self.HOST in ("127.0.0.1", "localhost") else {self.HOST}
        return [*self.CORS_ORIGINS, *(f"http://{host}:{self.PORT}" for host in sorted(own))]

    @property
    def allowed_hosts(self) -> list[str]:
        """The host names that the server accepts; empty means any.

        This stops DNS rebinding: another site can point its own name to our loopback address, so that only the name shows that the page is
        not ours.
        """
        if self.ALLOWED_HOSTS or self.HOST not in LOOPBACK:
            return list(self.ALLOWED_HOSTS)
        return [*LOOPBACK, *(urlsplit(origin).hostname or "" for origin in self.CORS_ORIGINS)]

    @property
    def importer_memory(self) -> int | None:
        """The address space of the importer process in bytes; None if it has no limit."""
        if self.IMPORTER_MEMORY_LIMIT == "off":
            return None
        number, unit = re.findall(r"\d+|[A-Za-z]+", self.IMPORTER_MEMORY_LIMIT)
        return int(number) * {"MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}[unit]

    def secret_key(self) -> str:
        """Return the signing key: the setting, else the key stored in INSTANCE_PATH, which the first call creates."""
        if self.SECRET_KEY:
            return self.SECRET_KEY
        stored = self.INSTANCE_PATH / "secret_key"
        if not stored.exists():
            # If several processes start at once, one of them wins, and none reads an incomplete file.
            made = self.INSTANCE_PATH / f"secret_key.{os.getpid()}"
            made.touch(mode=0o600)
            made.write_text(secrets.token_hex(32), encoding="ascii")
            with suppress(FileExistsError):
                stored.hardlink_to(made)
            made.unlink()
        return stored.read_text(encoding="ascii")


@dataclass(frozen=True)
class TestingConfig(Config):
    """The settings of tests: threads instead of eventlet, no secret on disk, imports with normal priority."""

    __test__ = False  # a name pytest would collect

    ASYNC_MODE: str = _setting("threading", _one_of(*ASYNC_MODES))
    SECRET_KEY: str = _setting("testing")
    API_RATE_LIMIT: str = _setting("off", _rate)
    IMPORTER_NICENESS: int = _setting(0, _whole(0, 19))
    TESTING: bool = True
