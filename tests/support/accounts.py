"""The users of tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hextrackr.auth.permissions import Role

from . import ROOT
from .server import environment_of

PASSWORD = "four words without sense"
#: The users by name.
USERS = {"vera": Role.VIEWER, "oskar": Role.OPERATOR, "ada": Role.ADMIN}


def add(instance: Path, name: str, role: str) -> None:
    """Add a user to an instance by command, as an administrator does on the server's machine."""
    command = [sys.executable, "-m", "flask", "user", "add", name, "--role", role, "--password-stdin"]
    environment = environment_of(instance, AUTH="local")
    subprocess.run(
        command, cwd=ROOT, env=environment, input=f"{PASSWORD}\n", text=True, check=True, capture_output=True
    )
