"""The exports in ``tests/data/<scanner>/``, which we have made ourselves."""

from __future__ import annotations

import os

from tests.support import ROOT

FOLDER = ROOT / "tests" / "data"
FILES = sorted(FOLDER.glob("*/*.csv"))
#: The largest one of each scanner.
LARGEST = [max(folder.glob("*.csv"), key=lambda path: path.stat().st_size) for folder in sorted(FOLDER.iterdir())]
#: What the longer tests try: the largest ones, or with EVERY_EXPORT, as in ``make faults``, all.
CHOSEN = FILES if "EVERY_EXPORT" in os.environ else LARGEST
