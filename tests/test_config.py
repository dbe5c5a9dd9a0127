"""Settings: what the environment says, and what a wrong value is answered with."""

from __future__ import annotations

import stat
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import make_url

from config import Config, SettingError


def test_the_defaults():
    config = Config.from_env({})
    assert (config.HOST, config.PORT, config.ASYNC_MODE) == ("127.0.0.1", 8989, "eventlet")
    assert (config.PROGRESS_INTERVAL_MS, config.RESOLVE_GUARD_PERCENT) == (200, 50)
    assert config.UPLOAD_MAX_BYTES == 2 * 1024**3
    assert config.database_url == f"sqlite:///{quote(str(config.INSTANCE_PATH))}/hextrackr.sqlite3"
    assert set(config.allowed_origins) == {
        "http://localhost:8080", "http://127.0.0.1:8080", "http://localhost:8989", "http://127.0.0.1:8989",
    }  # fmt: skip


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_is_reached_with_the_driver_that_we_have(scheme):
    config = Config.from_env({"DATABASE_URL": f"{scheme}://user@host/name"})
    assert config.database_url == "postgresql+psycopg://user@host/name"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("PORT", "9000", 9000),
        ("PORT", "", 8989),
        ("PORT", "  ", 8989),
        ("INSTANCE_PATH", "/data/hex trackr", Path("/data/hex trackr")),
        ("DATABASE_URL", "sqlite:////data/x.sqlite3", "sqlite:////data/x.sqlite3"),
        ("INSTANCE_PATH", "/data/100%?#", Path("/data/100%?#")),
        (
            "CORS_ORIGINS",
            "https://a.example , https://b.example:8443/",
            ("https://a.example", "https://b.example:8443"),
        ),
        ("ASYNC_MODE", "threading", "threading"),
        ("PROGRESS_INTERVAL_MS", "100", 100),
        ("RESOLVE_GUARD_PERCENT", "0", 0),
        ("DUCKDB_MEMORY_LIMIT", "1 GiB", "1 GiB"),
        ("IMPORTER_MEMORY_LIMIT", "off", "off"),
        ("IMPORTER_NICENESS", "0", 0),
        ("REDIS_URL", "rediss://:secret@host:6380/2", "rediss://:secret@host:6380/2"),
        ("LOG_LEVEL", "DEBUG", "DEBUG"),
        ("AUTH", "local", "local"),
        ("AUTH_PROXY_ADDRESSES", "10.0.0.7, 10.1.0.0/16", ("10.0.0.7/32", "10.1.0.0/16")),
        ("AUTH_GROUP_ROLES", "cn=soc=operator, *=viewer", (("cn=soc", "operator"), ("*", "viewer"))),
    ],
)
def test_a_setting_is_read(name, text, value):
    assert getattr(Config.from_env({name: text}), name) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("DATABASE_URL", "mysql://host/name"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "sqlite:x.db"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://a.example/path"),
        ("ASYNC_MODE", "asyncio"),
        ("ASYNC_MODE", "gevent"),  # which there was
        ("UPLOAD_MAX_BYTES", "2GB"),
        ("PROGRESS_INTERVAL_MS", "99"),
        ("RESOLVE_GUARD_PERCENT", "101"),
        ("DUCKDB_MEMORY_LIMIT", "plenty"),
        ("IMPORTER_MEMORY_LIMIT", "-1"),
        ("IMPORTER_NICENESS", "-1"),
        ("LOG_LEVEL", "loud"),
        ("REDIS_URL", "host:6379"),
        ("AUTH", "password"),
        ("AUTH_PROXY_ADDRESSES", "10.0.0.0/33"),
        ("AUTH_PROXY_SIGN_OUT_URL", "//elsewhere"),
        ("AUTH_PROXY_USER_HEADER", "Remote User"),
        ("AUTH_GROUP_ROLES", "soc=king"),
        ("OIDC_ISSUER", "login.example.org"),
        ("OIDC_SCOPES", "profile"),
        ("SESSION_HOURS", "0"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_the_setting(name, text):
    with pytest.raises(SettingError) as refusal:
        Config.from_env({name: text})
    assert str(refusal.value).startswith(f"{name}='{text}' cannot be used: ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("folder", ["/data/100%", "/data/a?b=c", "/data/50%25", "/data/x#y", "/data/a b"])
def test_a_data_folder_may_have_any_name(folder):
    assert make_url(Config.from_env({"INSTANCE_PATH": folder}).database_url).database == f"{folder}/hextrackr.sqlite3"


def test_a_relative_path_of_a_database_is_below_the_data_folder():
    """Whatever folder a process is started in."""
    config = Config.from_env({"INSTANCE_PATH": "/data/here", "DATABASE_URL": "sqlite:///x/findings.db?timeout=5"})
    assert config.database_url == "sqlite:////data/here/x/findings.db?timeout=5"


def test_workers_need_what_wakes_them():
    with pytest.raises(SettingError, match="it needs REDIS_URL"):
        Config.from_env({"IMPORT_WORKERS": "celery"})
    assert Config.from_env({"IMPORT_WORKERS": "celery", "REDIS_URL": "redis://host"}).IMPORT_WORKERS == "celery"


def test_others_reach_a_server_only_once_it_is_said_who_may():
    with pytest.raises(
        SettingError,
        match=r"^HOST='0.0.0.0' cannot be used without AUTH, as other machines can reach the server: .*\.$",
    ):
        Config.from_env({"HOST": "0.0.0.0"})
    assert [Config.from_env({"HOST": "0.0.0.0", "AUTH": mode}).AUTH for mode in ("none", "local")] == ["none", "local"]
    assert [Config.from_env({"HOST": host}).AUTH for host in ("127.0.0.1", "::1", "localhost", "127.0.0.2")] == [
        "none"
    ] * 4


def test_a_proxy_that_signs_in_has_to_be_trusted():
    with pytest.raises(SettingError, match="it needs TRUSTED_PROXIES"):
        Config.from_env({"AUTH": "proxy"})
    assert Config.from_env({"AUTH": "proxy", "TRUSTED_PROXIES": "1"}).AUTH == "proxy"


def test_a_provider_has_to_be_named():
    with pytest.raises(SettingError, match="it needs OIDC_ISSUER and OIDC_CLIENT_ID"):
        Config.from_env({"AUTH": "oidc", "OIDC_ISSUER": "https://login.example.org/"})
    named = {"AUTH": "oidc", "OIDC_ISSUER": "https://login.example.org/", "OIDC_CLIENT_ID": "x"}
    assert Config.from_env(named).OIDC_ISSUER == "https://login.example.org"


def test_a_secret_is_made_once_and_kept_for_the_owner_only(tmp_path):
    config = Config(INSTANCE_PATH=tmp_path)
    secret = config.secret_key()
    assert len(secret) == 64
    assert Config(INSTANCE_PATH=tmp_path).secret_key() == secret
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_a_given_secret_is_used_and_not_written(tmp_path):
    assert Config(INSTANCE_PATH=tmp_path, SECRET_KEY="given").secret_key() == "given"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "size"), [("", 4 * 10**9), ("off", None), ("900MB", 900 * 10**6), ("3 GiB", 3 * 2**30)]
)
def test_what_the_importer_may_use(text, size):
    assert Config.from_env({"IMPORTER_MEMORY_LIMIT": text}).importer_memory == size
