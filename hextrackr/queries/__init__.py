"""What can be asked of the copy of the record: functions marked as :func:`~hextrackr.readmodel.questions.question`.

They run in the reader process, which imports this package and with it every question. A list of findings is limited by :mod:`.filters`, has
the :mod:`.columns`, and stands in an :mod:`.order`.
"""

from . import ages, changes, export, findings, groups, mappings, sources, suggestions, summaries, trends

__all__ = [
    "ages",
    "changes",
    "export",
    "findings",
    "groups",
    "mappings",
    "sources",
    "suggestions",
    "summaries",
    "trends",
]
