"""What is deployed fits together, as far as that can be read: image, composition, site. nginx itself is tried in tests/server."""

from __future__ import annotations

import os
import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from config import Config
from hextrackr.web.uploads import FORM_BYTES

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
#: One container on SQLite.
SMALL = yaml.safe_load((DEPLOY / "compose.sqlite.yaml").read_text(encoding="utf-8"))
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
SETTINGS = {setting.name for setting in fields(Config) if "parse" in setting.metadata}
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def environment(service):
    """The settings of a service: those of the image and its own, with the defaults of what compose fills in."""
    image = dict(pair.split("=") for pair in re.findall(r"^ENV (.*)$", DOCKERFILE, re.MULTILINE)[0].split())
    own = {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value)) for name, value in service["environment"].items()}
    return {**image, **own}


@pytest.mark.parametrize("name", OURS)
def test_every_process_of_ours_has_settings_that_can_be_used(name):
    given = environment(OURS[name])
    assert set(given) - {"PATH", "PYTHONUNBUFFERED"} <= SETTINGS
    config = Config.from_env(given)
    assert (config.IMPORT_WORKERS, config.TRUSTED_PROXIES) == ("celery", 1)
    assert config.REDIS_URL.split("/")[2].split(":")[0] in SERVICES
    assert "127.0.0.1" in config.ALLOWED_HOSTS  # which the health check of the image asks for


@pytest.mark.parametrize("name", OURS)
def test_all_of_them_share_the_data_folder(name):
    mounts = dict(volume.split(":")[:2] for volume in OURS[name]["volumes"])
    assert mounts == {"data": environment(OURS[name])["INSTANCE_PATH"]}
    assert set(mounts) <= set(COMPOSE["volumes"])


def test_the_system_is_the_one_that_is_tried():
    webs = [name for name, service in OURS.items() if "command" not in service]
    workers = [service for service in OURS.values() if "celery" in service.get("command", ())]
    assert len(webs) == 2
    assert [service["deploy"]["replicas"] for service in workers] == [2]
    servers = re.findall(r"^server ([\w.]+):(\d+) ", (DEPLOY / "compose-servers.conf").read_text(), re.MULTILINE)
    assert [name for name, _ in servers] == webs
    assert {port for _, port in servers} == {environment(OURS[webs[0]])["PORT"]}


def test_the_small_system_is_one_process_on_sqlite(app):
    (service,) = SMALL["services"].values()
    given = environment(service)
    assert set(given) - {"PATH", "PYTHONUNBUFFERED"} <= SETTINGS
    config = Config.from_env(given)
    assert (config.DATABASE_URL, config.REDIS_URL, config.IMPORT_WORKERS) == ("", "", "embedded")
    assert {"127.0.0.1", "localhost"} <= set(
        config.ALLOWED_HOSTS
    )  # which the health check of the image and people ask for
    assert service["volumes"] == [f"data:{given['INSTANCE_PATH']}"]
    assert set(SMALL["volumes"]) == {"data"}
    assert service["ports"] == [f"127.0.0.1:{given['PORT']}:{given['PORT']}"]  # there is no login
    program, command = service["command"]
    assert program == "flask" and command in app.cli.commands
    assert service["build"] == OURS["web1"]["build"]


def test_nobody_depends_on_what_there_is_not():
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= set(SERVICES)


def test_what_is_mounted_from_here_exists_and_what_nginx_includes_is_mounted():
    mounts = dict(volume.split(":")[:2] for volume in SERVICES["nginx"]["volumes"])
    assert all((DEPLOY / source).is_file() for source in mounts)
    included = re.findall(r"include ([\w.-]+);", (DEPLOY / "nginx.conf").read_text())
    assert included
    assert {f"/etc/nginx/{name}" for name in included} <= set(mounts.values())
    assert all((DEPLOY / name).is_file() for name in included)


def test_images_are_pinned_to_a_version():
    fetched = [service for service in SERVICES.values() if "build" not in service]
    images = [service["image"] for service in fetched] + re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert all(re.search(r":\d", image) for image in images)


def test_the_image_is_built_of_what_there_is_and_of_nothing_that_is_left_out():
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert {"hextrackr", "templates", "static", "app.py", "worker.py"} <= set(copied)
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert [source for source in copied if f"!{source}" not in IGNORED] == []
    assert "make assets" in DOCKERFILE


def test_the_image_runs_as_somebody_who_may_do_nothing():
    *_, last = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
    user = re.findall(r"^USER (\S+)", last, re.MULTILINE)
    assert user == ["hextrackr"]
    assert re.search(r"useradd --uid [1-9]\d{3,} .*hextrackr", last)
    assert last.index("USER hextrackr") < last.index("CMD [")
    assert "install -d -o hextrackr" in last


def test_the_site_lets_through_the_largest_upload():
    (size,) = re.findall(r"client_max_body_size (\d+)m;", (DEPLOY / "nginx.conf").read_text())
    assert int(size) * 1024 * 1024 >= Config().UPLOAD_MAX_BYTES + FORM_BYTES


def test_the_workflow_runs_what_must_hold():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    (command,) = [step["run"] for step in job["steps"] if "run" in step]
    assert os.access(ROOT / command, os.X_OK)
    assert job["container"]["image"].startswith("python:3.11")


def test_the_procfile_names_what_there_is():
    lines = dict(re.findall(r"^(\w+): (.*)$", (ROOT / "Procfile").read_text(), re.MULTILINE))
    assert set(lines) == {"release", "web", "worker"}
    assert (ROOT / f"{lines['worker'].split('-A ')[1].split()[0]}.py").is_file()
