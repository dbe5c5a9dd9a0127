"""Headers in, format or refusal out."""

from __future__ import annotations

import pytest

from hextrackr.errors import MissingColumns, UnknownFormat
from hextrackr.importing import formats

FULL = ("asset.id", "asset.name", "definition.id", "definition.name", "definition.cve", "severity", "port", "state")


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(FULL, id="usual"),
        pytest.param(tuple(reversed(FULL)), id="another order"),
        pytest.param(tuple(name.upper() for name in FULL), id="upper case"),
        pytest.param(tuple(f"  {name} " for name in FULL), id="padded"),
        pytest.param((*FULL, "a column of tomorrow"), id="unknown column more"),
        pytest.param(("asset.display_ipv4_address", "definition.name", "definition.severity"), id="the least"),
    ],
)
def test_tenable_vm_is_recognised(header):
    assert formats.recognise(header).format.key == "tenable-vm"


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        (("asset.id", "definition.id", "port"), "the severity"),
        (("asset.id", "definition.id", "definition.name"), "definition.severity"),
    ],
)
def test_a_missing_essential_is_named(header, missing):
    with pytest.raises(MissingColumns) as refusal:
        formats.recognise(header)
    assert missing in refusal.value.detail


@pytest.mark.parametrize(
    "header",
    [
        ("name", "price", "quantity"),
        ("definition.id", "definition.name", "severity"),
        ("asset.id", "asset.name", "severity"),
        ("", "", ""),
    ],
)
def test_any_other_header_is_refused(header):
    with pytest.raises(UnknownFormat):
        formats.recognise(header)


def test_a_blank_header_stands_for_the_description():
    header = ["asset.id", "", "definition.id", "severity"]
    assert formats.recognise(header).places["description"] == (1,)


def test_a_blank_header_means_nothing_beside_the_description_itself():
    header = ["asset.id", "", "definition.id", "severity", "definition.description"]
    assert formats.recognise(header).places["description"] == (4,)


def test_of_two_columns_with_one_name_the_first_counts():
    assert formats.recognise(["asset.id", "definition.id", "severity", "severity"]).places["severity"] == (2,)


@pytest.mark.parametrize("known", formats.known(), ids=lambda known: known.key)
def test_every_format_is_complete(known):
    """A format names a column for its host, its plugin and its severity, and its own essentials are among its fields."""
    columns = {column for field in vars(known.fields).values() for column in field}
    assert known.fields.severity
    assert known.fields.plugin_id or known.fields.cves or known.fields.title
    assert known.fields.asset_id or known.fields.fqdn or known.fields.ip or known.fields.name
    assert {column for group in known.essential.values() for column in group} <= columns
    assert set(known.severities.values()) <= {0, 1, 2, 3, 4}


def test_keys_are_unique():
    keys = [known.key for known in formats.known()]
    assert len(keys) == len(set(keys))
