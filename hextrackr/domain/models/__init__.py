"""The tables, one file per subject; plain SQLAlchemy, so the importer process needs no Flask.

::

    Source ──┬─< Asset ──────┐
             ├─< Definition ─┼─< Finding ─< FindingChange >─ Import ─< Reject
             ├─< Sighting ───┤
             └─< DailyTotal  │
                 Definition ─┴─< DefinitionCve
"""

from hextrackr.db.base import Base

from .assets import Asset, AssetIdentifier
from .definitions import Definition, DefinitionCve
from .events import FindingChange, FindingEvent
from .evidence import Evidence
from .findings import Finding
from .imports import Import, Reject
from .mappings import SavedMapping
from .sightings import Sighting
from .sources import DailyTotal, Source, StateTotal
from .staging import (
    StagedAsset,
    StagedCve,
    StagedDefinition,
    StagedDetails,
    StagedEvidence,
    StagedFinding,
    StagedIdentifier,
    StagedObservation,
    StagedUnchecked,
)
from .undo import (
    AssetBefore,
    CveBefore,
    DayBefore,
    DefinitionBefore,
    DetailsBefore,
    EvidenceBefore,
    FindingBefore,
    IdentifierBefore,
    SightingBefore,
    TotalBefore,
)
from .weights import AssetWeight, DefinitionWeight

__all__ = [
    "Asset",
    "AssetBefore",
    "AssetIdentifier",
    "AssetWeight",
    "Base",
    "CveBefore",
    "DailyTotal",
    "DayBefore",
    "Definition",
    "DefinitionBefore",
    "DefinitionCve",
    "DefinitionWeight",
    "DetailsBefore",
    "Evidence",
    "EvidenceBefore",
    "Finding",
    "FindingBefore",
    "FindingChange",
    "FindingEvent",
    "IdentifierBefore",
    "Import",
    "Reject",
    "SavedMapping",
    "Sighting",
    "SightingBefore",
    "Source",
    "StagedAsset",
    "StagedCve",
    "StagedDefinition",
    "StagedDetails",
    "StagedEvidence",
    "StagedFinding",
    "StagedIdentifier",
    "StagedObservation",
    "StagedUnchecked",
    "StateTotal",
    "TotalBefore",
]
