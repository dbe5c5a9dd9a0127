"""Asks whether the pinned packages have known vulnerabilities; where the advisories cannot be reached it says so and goes on."""

from __future__ import annotations

import json
import subprocess
import sys

FILES = ("requirements.txt", "requirements-dev.txt")


def main() -> int:
    """Audit every pin; 1 if one has a known vulnerability."""
    files = [argument for name in FILES for argument in ("-r", name)]
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--format",
        "json",
        "--progress-spinner",
        "off",
        "--no-deps",
        "--disable-pip",
    ]
    done = subprocess.run([*command, *files], capture_output=True, text=True, timeout=300)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"The packages were not audited: {reason[:200]}")
        return 0
    audited = [package for package in packages if "vulns" in package]
    found = [(package["name"], known) for package in audited for known in package["vulns"]]
    for name, known in found:
        print(f"{name}: {known['id']}, fixed in {', '.join(known['fix_versions']) or 'no version yet'}")
    print(f"{len(audited)} of {len(packages)} packages audited, {len(found)} known vulnerabilities.")
    if len(audited) < len(packages):
        print("The advisories on the others cannot be had from here.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
