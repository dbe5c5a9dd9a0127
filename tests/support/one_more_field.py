"""A program that declares one more field of each level, and imports files that have it; a process of its own, as tables are declared once.

Prints what is on record after two scans, what the change of the second one was, and what is on record once that is undone, as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

from hextrackr.domain import fields

fields.HostFields.criticality = fields.score("Criticality", 5.0)  # type: ignore[attr-defined]
fields.VulnerabilityFields.weakness = fields.line("Weakness")  # type: ignore[attr-defined]
fields.FindingFields.qds = fields.score("QDS", 100.0)  # type: ignore[attr-defined]
fields.FindingFields.first_exploited = fields.day("First exploited")  # type: ignore[attr-defined]
fields.HOST, fields.VULNERABILITY, fields.FINDING = map(
    fields.of, (fields.HostFields, fields.VulnerabilityFields, fields.FindingFields)
)

from sqlalchemy import text  # noqa: E402

from hextrackr.db import Base, engines  # noqa: E402
from hextrackr.domain import undo  # noqa: E402
from hextrackr.ingest.formats import generic  # noqa: E402
from hextrackr.ingest.formats.format import columns_of  # noqa: E402
from tests.support.importer import importer  # noqa: E402

COLUMNS = {"criticality": ("Criticality",), "weakness": ("CWE",), "qds": ("QDS",), "first_exploited": ("Exploited",)}
generic.FORMAT = dataclasses.replace(generic.FORMAT, fields=columns_of(generic.FORMAT.fields, **COLUMNS))
ON_RECORD = """
    SELECT criticality, weakness, qds, first_exploited FROM findings f
    JOIN assets a ON a.id = f.asset_id JOIN definitions d ON d.id = f.definition_id
"""
CHANGE = "SELECT qds_before, qds, first_exploited_before, first_exploited FROM finding_changes"


def main(folder: Path) -> None:
    """Import two scans into a database in this folder, and undo the second."""
    url = f"sqlite:///{folder / 'record.sqlite3'}"
    engine = engines.open_database(url)
    Base.metadata.create_all(engine)
    run_import = importer(engine, url, folder)

    def scan(values: str, day: str) -> int:
        content = (
            f"hostname,plugin_id,title,severity,Criticality,CWE,QDS,Exploited,last_seen\nweb1,1,A,High,{values},{day}\n"
        )
        return run_import(content.encode()).id

    def found(query: str) -> list[list[object]]:
        with engine.connect() as connection:
            return [list(row) for row in connection.execute(text(query))]

    scan("4,CWE-79,70,2026-01-02", "2026-02-01")
    second = scan("5,CWE-89,95,2026-01-03", "2026-02-08")
    result = {"after": found(ON_RECORD), "change": found(CHANGE)}
    undo.undo_import(engine, second)
    sys.stdout.write(json.dumps({**result, "undone": found(ON_RECORD)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
