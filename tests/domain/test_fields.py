"""What the record keeps is declared once: a value that is declared is staged, kept, compared, updated and undone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support import ROOT

pytestmark = pytest.mark.sqlite("the program makes its own database")


def test_one_more_value_of_each_level_needs_no_other_code(tmp_path):
    program = [sys.executable, "-m", "tests.support.one_more_field", str(tmp_path)]
    told = json.loads(subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert told == {
        "after": [[5.0, "CWE-89", 95.0, "2026-01-03"]],
        "change": [[70.0, 95.0, "2026-01-02", "2026-01-03"]],
        "undone": [[4.0, "CWE-79", 70.0, "2026-01-02"]],
    }
