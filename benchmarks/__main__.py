"""All measurements, one after the other, as tables.

python -m benchmarks               small: under three minutes
python -m benchmarks --full        the sizes of docs/performance.md, medians of five: some hours
"""

from __future__ import annotations

import argparse

from . import compare, fanout, live, queries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    full = parser.parse_args().full
    print("## Imports beside the sqlite3 shell\n")
    compare.report(
        [1_000, 10_000, 100_000, 1_000_000, 10_000_000] if full else [1_000, 100_000], rounds=5 if full else 1
    )
    print("\n## What others notice of an import\n")
    for rows in (100_000, 1_000_000) if full else (100_000,):
        live.report(rows)
    print("\n## Lists, totals and exports\n")
    for findings in (100_000, 300_000, 1_300_000) if full else (30_000,):
        queries.report(findings, rounds=100 if full else 20)
    print("\n## One event to many clients\n")
    for clients in (100, 1_000, 5_000) if full else (500,):
        fanout.report(clients, seconds=8 if full else 4, rounds=5 if full else 1)


if __name__ == "__main__":
    main()
