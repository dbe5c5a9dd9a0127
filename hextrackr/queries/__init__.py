"""The queries of the read model: functions with the decorator :func:`~hextrackr.readmodel.questions.question`.

They run in the reader process, which imports this package and so registers all of them. A list of findings has :mod:`.filters`,
:mod:`.columns` and an :mod:`.order`.
"""

from . import export, filters, findings, groups, mappings, sources, summaries, trends

__all__ = [
    "export",
    "filters",
    "findings",
    "groups",
    "mappings",
    "sources",
    "summaries",
    "trends",
]
