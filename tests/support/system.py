"""Several web processes and workers on one data folder, with Redis between them and nginx in front."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil

from tests.support import ROOT, databases, ports
from tests.support.server import Server, environment_of, start
from tests.support.services import RedisServer, program
from tests.support.waiting import until

DEPLOY = ROOT / "deploy"
#: The nginx.conf around the deployed site: that of Debian, with folders of the test.
NGINX = """
daemon off;
worker_processes 1;
pid "{folder}/nginx.pid";
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path "{folder}/body";
    proxy_temp_path "{folder}/proxy";
    fastcgi_temp_path "{folder}/fastcgi";
    uwsgi_temp_path "{folder}/uwsgi";
    scgi_temp_path "{folder}/scgi";
    log_format upstream "$upstream_addr $request";
    access_log "{folder}/access" upstream;
    error_log "{folder}/error" warn;
    include "{site}";
}}
"""


class System:
    """The processes, which :meth:`close` ends gracefully.

    :param settings: of all of them, beside what makes them work together.
    """

    def __init__(self, folder: Path, redis: RedisServer, **settings: str) -> None:
        self.folder = folder
        self.instance = folder / "instance"
        self.instance.mkdir()
        self.log = folder / "log"
        self._stream = self.log.open("ab")
        self._settings = {"REDIS_URL": redis.url, "IMPORT_WORKERS": "celery", "LOG_LEVEL": "INFO", **settings}
        self.webs: list[tuple[Server, subprocess.Popen[bytes]]] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        self._nginx: subprocess.Popen[bytes] | None = None

    def start_web(self, app: str = "app:app", **settings: str) -> Server:
        """Add a web process."""
        self.webs.append(start(self.instance, self._stream, app, **{**self._settings, **settings}))
        return self.webs[-1][0]

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Add a worker, and wait until it has its importer process."""
        environment = environment_of(self.instance, **self._settings)
        command = [sys.executable, "-W", "ignore", "-m", "celery", "-A", "worker", "--quiet", "worker"]
        command += ["-n", f"worker{len(self.workers)}@%h"]
        worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=self._stream, stderr=self._stream)
        self.workers.append(worker)
        until(lambda: self.importers(worker))
        return worker

    def start_nginx(self, more: str = "") -> Server:
        """Put nginx in front of the web processes, with the site as it is deployed except for its addresses.

        :param more: further lines of the site.
        :raises MissingProgram: it is not installed.
        """
        nginx = program("nginx")
        folder, port = self.folder / "nginx", ports.free()
        folder.mkdir()
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, site=DEPLOY / "nginx.conf"))
        (folder / "nginx-listen.conf").write_text(f"listen 127.0.0.1:{port};\nserver_name _;\n{more}")
        servers = [f"server {server.address} max_fails=1 fail_timeout=2s;" for server, _ in self.webs]
        (folder / "nginx-servers.conf").write_text("\n".join(servers))
        command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error")]
        self._nginx = subprocess.Popen(command, stdout=self._stream, stderr=self._stream)
        front = Server(f"127.0.0.1:{port}", self._nginx.pid, self.instance)
        until(lambda: _answers(front))
        return front

    def serving(self, path: str) -> int:
        """The web process that answered the last request for a path with this prefix, according to the log of nginx."""
        lines = (self.folder / "nginx" / "access").read_text().splitlines()
        upstream = next(line.split(" ")[0] for line in reversed(lines) if f" {path}" in line)
        return [server.address for server, _ in self.webs].index(upstream)

    def importers(self, process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """The importer processes of a worker or a web process."""
        children = psutil.Process(process.pid).children(recursive=True)
        return [child for child in children if "hextrackr.jobs.importer" in child.cmdline()]

    def kill_worker(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill it, and wait until its importer has noticed that its parent is gone."""
        worker.kill()
        worker.wait()
        self.workers.remove(worker)

    def kill_web(self, number: int) -> Server:
        """Kill a web process with its children; return its address."""
        server, process = self.webs.pop(number)
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for child in children:
            child.kill()
        process.wait()
        return server

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Query the database."""
        return databases.query(self.instance, statement, *values)

    def at_work_on(self, import_id: int, *states: str) -> subprocess.Popen[bytes]:
        """Wait until an import is in one of these states, and return the worker that runs it."""
        row = f"SELECT owner FROM imports WHERE id = ? AND state IN ({', '.join('?' * len(states))})"
        ((owner,),) = until(lambda: self.query(row, import_id, *states))
        return self._worker(owner)

    def one_before_its_end(self) -> tuple[int, subprocess.Popen[bytes]]:
        """Wait for any import that is still far from its commit; return it, and the worker that runs it."""
        row = "SELECT id, owner FROM imports WHERE state IN ('reading', 'staging') ORDER BY id DESC LIMIT 1"
        ((import_id, owner),) = until(lambda: self.query(row))
        return import_id, self._worker(owner)

    def _worker(self, owner: str) -> subprocess.Popen[bytes]:
        pid = int(owner.split("/")[2].split("-")[0])
        return next(worker for worker in self.workers if worker.pid == pid)

    def close(self) -> None:
        """End everything."""
        processes = [*self.workers, *(process for _, process in self.webs), *([self._nginx] if self._nginx else [])]
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(timeout=30)
        self._stream.close()
        databases.drop(self.instance)


def _answers(server: Server) -> bool:
    try:
        with urlopen(f"{server.url}/health", timeout=5):
            return True
    except OSError:
        return False
