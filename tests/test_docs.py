"""What the documentation names exists, and what exists is documented."""

from __future__ import annotations

import re
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from config import Config
from hextrackr import __version__, errors
from hextrackr.ingest import formats
from hextrackr.progress import protocol

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
SETTINGS = {setting.name for setting in fields(Config) if "parse" in setting.metadata}


def test_the_documentation_lists_every_setting_and_no_other():
    listed = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", listed, re.MULTILINE)) == SETTINGS


def test_the_example_environment_lists_the_same_with_the_defaults():
    example = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(example) == SETTINGS
    read, default = Config.from_env(example), Config()
    assert {name: getattr(read, name) for name in SETTINGS - {"INSTANCE_PATH"}} == {
        name: getattr(default, name) for name in SETTINGS - {"INSTANCE_PATH"}
    }


@pytest.mark.parametrize("document", ["scaling.md", "operating.md"])
def test_every_setting_and_code_named_beyond_the_readme_exists(document):
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)(?:=\S+)?`", text))
    assert named
    assert named <= SETTINGS | set(re.findall(r"`([A-Z_]+)`", API))
    paths = set(re.findall(r"`((?:deploy|hextrackr|benchmarks|tests)/[\w./-]+)`", text))
    assert {path for path in paths if not (ROOT / path).exists()} == set()


@pytest.mark.parametrize("document", ["README.md", "benchmarks/README.md"])
def test_every_make_target_named_exists(document):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"\bmake ([a-z]+)", (ROOT / document).read_text(encoding="utf-8"))) - {"alone"}
    assert named
    assert {target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


def test_every_target_explains_itself():
    told = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {"run", "test", "lint"} <= set(re.findall(r"^ +make ([a-z]+) +\w", told, re.MULTILINE))


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_every_path_named_exists(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:hextrackr|static|templates|tests|benchmarks|docs)/[\w./-]*)`", text))
    named |= set(re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text))
    assert len(named) > 10
    assert {name for name in named if not (ROOT / name).exists()} == set()


@pytest.mark.parametrize("text", [README, API], ids=["README", "api"])
def test_every_route_named_exists(app, text):
    rules = {re.sub(r"<[^>]+>", "{}", rule.rule) for rule in app.url_map.iter_rules()}
    named = {
        re.sub(r"\{[^}]+\}", "{}", path).rstrip("/.")
        for path in re.findall(r"(/api/[\w{}/.-]+|/health|/ready|/metrics)", text)
    }
    assert named
    assert named <= rules


def test_every_api_route_is_documented(app):
    rules = {rule.rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api")}
    documented = {re.sub(r"\{[^}]+\}", "{}", path) for path in re.findall(r"### `[A-Z]+ ([^`?]+)", API)}
    assert {re.sub(r"<[^>]+>", "{}", rule) for rule in rules} <= documented


def test_every_event_is_documented():
    events = {protocol.JOIN, protocol.LEAVE, protocol.PING, protocol.PONG} | {
        protocol.STATUS, protocol.UPDATE, protocol.COMPLETE, protocol.ERROR,
    }  # fmt: skip
    assert events <= set(re.findall(r"`([a-z-]+)`", API))


def every_error(kind=errors.HexTrackrError):
    return {kind.code}.union(*(every_error(below) for below in kind.__subclasses__()))


def test_every_error_code_is_documented():
    assert every_error() - {"CONFLICT", "NOT_FOUND"} <= set(re.findall(r"`([A-Z_]+)`", API))


def test_the_error_tree_is_drawn_as_it_is():
    drawn = dict(re.findall(r"(\w+) +\d{3} ([A-Z_]+)", errors.__doc__))
    assert set(drawn.values()) == every_error()
    assert all(getattr(errors, name).code == code for name, code in drawn.items())


@pytest.mark.parametrize("known", formats.known(), ids=lambda known: known.key)
def test_every_format_is_named(known):
    documents = README + "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))
    assert known.name in documents


def test_the_commands_of_the_readme_exist(app):
    named = set(re.findall(r"flask ([a-z-]+)", README)) - {"db", "run"}
    assert named == {"import-csv", "confirm-import", "cancel-import", "source", "backup", "restore", "clear"}
    assert named <= set(app.cli.commands)
    options = {option for parameter in app.cli.commands["import-csv"].params for option in parameter.opts}
    assert set(re.findall(r"(?<= )--(?:source|mode|confirm)", README)) <= options


@pytest.mark.parametrize("document", ["README.md", "CHANGELOG.md", "SECURITY.md", "docs/operating.md"])
def test_the_commands_of_the_package_exist(app, document):
    text = (ROOT / document).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|/)(?:hextrackr|flask) ([a-z][a-z-]+)", text)) - {"run"}
    assert named
    assert named <= set(app.cli.commands)


def test_the_changelog_begins_with_this_version_and_has_groups():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first, *_ = re.findall(r"^## ([\d.]+)", text, re.MULTILINE)
    assert first == __version__
    assert re.findall(r"^### (.*)$", text.split("\n## ")[1], re.MULTILINE) == ["Added", "Changed", "Fixed"]


def test_the_licence_is_the_one_of_the_package():
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert licence.startswith(f"{project['license']} License\n")
    assert project["authors"][0]["name"] in licence
    assert "version" not in project  # it stands in hextrackr/__init__.py alone


def test_every_link_of_the_security_policy_leads_somewhere():
    named = set(re.findall(r"\]\(([^)#:]+)\)", (ROOT / "SECURITY.md").read_text(encoding="utf-8")))
    assert {"docs/reliability.md", "docs/operating.md"} <= named
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_every_test_file_that_a_promise_names_exists():
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", text))
    assert len(named) > 5
    assert {name for name in named if not (ROOT / name).exists()} == set()
