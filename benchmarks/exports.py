"""Writes a generated export of Tenable Vulnerability Management to a file; the same arguments always give the same bytes.

python -m benchmarks.exports 100000 --out /tmp/scan.csv
python -m benchmarks.exports 100000 --gone 0.1 --new 0.05 --out /tmp/next-week.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.support.generator import Estate, write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--gone", type=float, default=0.0)
    parser.add_argument("--new", type=float, default=0.0)
    parser.add_argument("--day", default="2026-08-01")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with options.out.open("w", encoding="utf-8", newline="") as stream:
        count = write(stream, Estate(options.rows, options.seed), gone=options.gone, new=options.new, day=options.day)
    print(f"{count} rows, {options.out.stat().st_size / 1e6:.0f} MB: {options.out}")


if __name__ == "__main__":
    main()
