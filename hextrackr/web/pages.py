"""The pages; their data comes from the API.

Columns and filters of the explorer are declared elsewhere; here is what the page shows of them.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, redirect, render_template, request, url_for
from sqlalchemy import func, select
from werkzeug import Response

from hextrackr.domain.fields import Field, Kind
from hextrackr.domain.models import Import, ImportState, SavedMapping, StateTotal
from hextrackr.extensions import backup_service, db, import_queue
from hextrackr.ingest.formats.format import FINDING_FIELDS, HOST_FIELDS, VULNERABILITY_FIELDS
from hextrackr.queries.columns import COLUMNS, LISTED, Column
from hextrackr.queries.filters import SUGGESTED_FIELDS

from . import mappings as saved
from .answers import ask

blueprint = Blueprint("pages", __name__)

#: The fields that a column of a file can be mapped to.
FIELDS = {
    "Host": {**HOST_FIELDS, "host_detail": "Other detail of the host"},
    "Vulnerability": {**VULNERABILITY_FIELDS, "vulnerability_detail": "Other detail of the vulnerability"},
    "Finding": {**FINDING_FIELDS, "finding_detail": "Other detail of the finding"},
}
SCALES = {
    "words": "Words, such as High or Critical",
    "0-4": "0 to 4, like Tenable",
    "1-5": "1 to 5, like Qualys",
    "0-10": "0 to 10, like CVSS",
}


@blueprint.get("/")
def home() -> str:
    """Show the dashboard."""
    empty = db.session.scalar(select(StateTotal.findings).where(StateTotal.findings > 0).limit(1)) is None
    return render_template("dashboard.html", empty=empty)


@blueprint.get("/imports")
def imports() -> str:
    """Show the list of imports."""
    total = db.session.scalar(select(func.count()).select_from(Import)) or 0
    return render_template("imports.html", expected=min(total, 20))


@blueprint.get("/imports/<int:import_id>")
def one_import(import_id: int) -> str:
    """Show the result of one import.

    :raises NotFound: there is no such import.
    """
    return render_template("import.html", record=import_queue.existing(import_id))


@blueprint.get("/imports/<int:import_id>/mapping")
def mapping(import_id: int) -> str:
    """Map the columns of an import's file, or change the mapping that read it.

    :raises NotFound: there is no such import.
    """
    import_ = import_queue.existing(import_id)
    return _mapping_page(
        record=import_,
        mapping=saved.of_scanner(import_.scanner),
        retryable=import_.state == ImportState.FAILED and bool(import_.upload),
    )


@blueprint.get("/mappings")
def mappings() -> str:
    """Show the list of mappings."""
    count = select(func.count()).select_from(SavedMapping).where(SavedMapping.deleted_at.is_(None))
    return render_template("mappings.html", expected=min(db.session.scalar(count) or 0, 20))


@blueprint.get("/mappings/<int:mapping_id>")
def saved_mapping(mapping_id: int) -> str:
    """Edit a mapping.

    :raises NotFound: there is no such mapping.
    """
    return _mapping_page(mapping=saved.existing(mapping_id))


def _mapping_page(*, record: Import | None = None, mapping: SavedMapping | None = None, retryable: bool = False) -> str:
    return render_template(
        "mapping.html", record=record, mapping=mapping, retryable=retryable, fields=FIELDS, scales=SCALES
    )


@blueprint.get("/data")
def data() -> str:
    """Show backups, and the button that clears the record."""
    return render_template("data.html", expected=len(backup_service.backups()), refusal=backup_service.refusal)


@blueprint.get("/vulnerabilities")
def vulnerabilities() -> str:
    """Show the explorer, the list of findings."""
    return render_template("vulnerabilities.html")


@blueprint.get("/trends")
def trends() -> str:
    """How it went: what changed week by week, and how long findings stay open; of the source and the period in the URL."""
    source = request.args.get("source", type=int) or ""
    return render_template("trends.html", source=source, period=request.args.get("period", "365").replace("all", ""))


@blueprint.get("/hosts/<int:host_id>")
def host(host_id: int) -> str:
    """Show a host and its findings.

    :raises NotFound: there is no such host.
    """
    return render_template("host.html", subject=ask("one_host", id=host_id))


@blueprint.get("/hosts/<path:name>")
def host_named(name: str) -> Response:
    """Redirect to the page of the host with this name or address; if there are several, to the list of their findings.

    :raises NotFound: there is no such host.
    """
    found = ask("hosts_named", name=name)
    if len(found) == 1:
        return redirect(url_for("pages.host", host_id=found[0]))
    return redirect(url_for("pages.vulnerabilities", host=name, state="all"))


@blueprint.get("/definitions/<int:definition_id>")
def definition(definition_id: int) -> str:
    """Show a vulnerability and its findings.

    :raises NotFound: there is no such vulnerability.
    """
    return render_template("definition.html", subject=ask("one_definition", id=definition_id))


@blueprint.get("/cves/<cve>")
def one_cve(cve: str) -> str:
    """Show a CVE and its findings.

    :raises NotFound: no vulnerability on record has this CVE.
    """
    return render_template("cve.html", subject=ask("one_cve", cve=cve))


#: Columns that cannot be hidden or moved, and those that are shown inside others.
_FIXED, _WITHIN_OTHERS = ("severity", "host", "title"), ("id", "protocol")
#: The kinds of values of columns that the registry does not declare.
_KINDS = {"cves": "cves", "port": "port", "firstSeen": "day", "lastSeen": "day", "resolvedOn": "day", "state": "state"}
#: Columns that are shown by default; so are all scores.
_DEFAULT = ("cves", "port", "firstSeen", "lastSeen", "state")
#: Table alias of a value -> the section of its filter; days have their own section.
_SECTIONS = {"d": "What", "f": "What", "h": "Where"}


def init_app(app: Flask) -> None:
    """Pass the columns, the filters of values, and the names of filters with suggestions to the templates."""
    optional = [
        column for column in COLUMNS.values() if column.name not in (*_FIXED, *_WITHIN_OTHERS) and not column.on_request
    ]
    columns = [_column(column) for column in sorted(optional, key=lambda column: column.name == "state")]
    fields = [_field(field, alias) for field, alias in LISTED.values()]
    app.jinja_env.globals.update(
        explorer_fields=fields, explorer_columns=columns, explorer_suggests=tuple(SUGGESTED_FIELDS)
    )


def _column(column: Column) -> dict[str, Any]:
    """Return a column as the template needs it."""
    declared = LISTED.get(column.name)
    kind = _kind(declared[0]) if declared else _KINDS.get(column.name, "text")
    return {
        "key": column.name,
        "label": column.label,
        "kind": kind,
        "usual": column.name in _DEFAULT or kind == "score",
    }


def _field(field: Field, alias: str) -> dict[str, Any]:
    """Return a filter of a value as the template needs it."""
    kind = _kind(field)
    return {
        "key": field.key,
        "label": field.label,
        "kind": kind,
        "section": "When" if kind == "day" else _SECTIONS[alias],
        "highest": f"{field.highest:g}",
        "step": "0.01" if kind == "share" else "0.1",
    }


def _kind(field: Field) -> str:
    """Return the kind of a value; a score from 0 to 1 is a share, which is shown as a percentage."""
    return {Kind.TEXT: "text", Kind.DAY: "day", Kind.SCORE: "share" if field.highest == 1 else "score"}[field.kind]
