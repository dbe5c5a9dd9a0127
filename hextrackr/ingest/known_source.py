"""Choose one of several formats that fit a header: the one whose source already has hosts of the file."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine, select

from hextrackr.domain.models import AssetIdentifier, Source, SourceAlias

from .formats.format import HOST_FIELDS, NO_NAME, Recognised


def choose(engine: Engine, label: str, candidates: Sequence[Recognised], rows: Sequence[Sequence[str]]) -> Recognised:
    """Choose the format of a file, so that it goes to the existing source of its scanner.

    :param label: the label of its source.
    :param candidates: the formats that fit its header, the best one first: this one is chosen if it has a source with that label, or if no
        other one has such a source with a host of these rows.
    :param rows: the first rows.
    """
    best = candidates[0]
    by_key = {found.format.key: found for found in candidates}
    with engine.connect() as connection:
        sources = select(Source.scanner, Source.id).where(Source.label == label, Source.scanner.in_(by_key))
        aliases = select(SourceAlias.scanner, SourceAlias.source_id).where(
            SourceAlias.label == label, SourceAlias.scanner.in_(by_key)
        )
        known = {scanner: number for scanner, number in connection.execute(aliases.union(sources))}
        if best.format.key in known:
            return best
        for key, found in by_key.items():
            hosts = _hosts(found, rows)
            if key in known and hosts:
                of_these = AssetIdentifier.source_id == known[key], AssetIdentifier.value.in_(hosts)
                if connection.execute(select(AssetIdentifier.asset_id).where(*of_these).limit(1)).first():
                    return found
    return best


def _hosts(recognised: Recognised, rows: Sequence[Sequence[str]]) -> list[str]:
    """The host names and addresses in these rows, in the form in which they are compared."""
    places = {place for field in HOST_FIELDS if field != "os" for place in recognised.places[field]}
    cells = (row[place].strip().lower().rstrip(".") for row in rows for place in places if place < len(row))
    return sorted({cell for cell in cells if cell and cell not in NO_NAME})
