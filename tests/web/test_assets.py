"""The pages' own files: kept by the browser until they change, and small on their way."""

from __future__ import annotations

import re
import shutil

import pytest

from hextrackr import create_app, paths


@pytest.fixture
def address(client):
    [address] = re.findall(r'src="(/static/[0-9a-f]{12})/scripts/app.js"', client.get("/").text)
    return address


def test_a_browser_that_has_a_file_asks_no_more(client, address):
    with client.get(f"{address}/scripts/app.js", headers={"Accept-Encoding": "zstd, br, gzip"}) as answer:
        pass
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Encoding"] in ("zstd", "br", "gzip")
    assert answer.headers["Vary"] == "Accept-Encoding"


def test_a_script_finds_the_others_beside_it(client, address):
    with client.get(f"{address}/scripts/app.js") as answer:
        names = re.findall(r'"\./([^"]+)"', answer.text)
    assert len(names) > 5
    for name in names:
        with client.get(f"{address}/scripts/{name}") as answer:
            assert answer.status_code == 200, name


def test_every_script_is_fetched_at_once(client, address):
    page = client.get("/vulnerabilities").text
    for name in ("app.js", "pages/explorer.js", "elements/finding-panel.js", "lib/dom.js"):
        assert f'<link rel="modulepreload" href="{address}/scripts/{name}">' in page
    assert "pages/mapping.js" not in page
    assert "theme.js" not in "".join(re.findall(r"<link[^>]+>", page))


@pytest.mark.parametrize(
    "path", ["scripts/shared/websocket-client.js", "scripts/progress/websocket-client.js", "scripts/lib/debug.js",
             "vendor/socket.io-client/socket.io.esm.min.js"],
)  # fmt: skip
def test_the_client_of_the_socket_is_served_to_pages_of_allowed_origins(client, path):
    for origin, allowed in (("http://localhost:8080", "http://localhost:8080"), ("http://elsewhere.example", None)):
        with client.get(f"/{path}", headers={"Origin": origin}) as answer:
            assert (answer.status_code, answer.mimetype) == (200, "text/javascript")
            assert answer.headers.get("Access-Control-Allow-Origin") == allowed
            assert "immutable" not in answer.headers["Cache-Control"]


def test_the_pages_do_not_fetch_what_is_there_for_others(client):
    assert "scripts/shared/" not in client.get("/").text


@pytest.mark.parametrize("path", ["../config.py", "scripts/none.js", "%2e%2e/app.py"])
def test_there_is_nothing_else(client, address, path):
    assert client.get(f"{address}/{path}").status_code == 404
    assert client.get(f"/scripts/{path}").status_code == 404


def test_the_address_changes_with_a_file(config, app, address, tmp_path, monkeypatch):
    for name, folder in (("static", app.static_folder), ("templates", paths.RESOURCES / "templates")):
        shutil.copytree(folder, tmp_path / name)
    monkeypatch.setattr(paths, "RESOURCES", tmp_path)
    (tmp_path / "static" / "styles" / "base.css").write_text("body {}", encoding="utf-8")
    page = create_app(config).test_client().get("/").text
    assert re.findall(r'src="(/static/[0-9a-f]{12})/scripts/app.js"', page) not in ([], [address])
