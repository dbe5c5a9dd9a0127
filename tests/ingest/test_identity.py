"""Which host is which: one file after the other goes in, and what they did to the findings comes out."""

from __future__ import annotations

from datetime import date

import pytest

from hextrackr.domain import undo
from tests.support.exports import COLUMNS, export, row

OPEN_HOSTS = "SELECT count(DISTINCT asset_id) FROM findings WHERE lifecycle <> 'resolved'"
EVERY = "SELECT * FROM asset_identifiers ORDER BY asset_id, kind, value"
IDENTIFIERS = "SELECT kind, value FROM asset_identifiers ORDER BY asset_id, kind, value"
NAMED = ("id", "fqdn", "netbios", "name", "ip", "realm")


def tenable(*hosts, plugin="1001"):
    """A Tenable VM export with a finding on each host, which is told as ``id=, fqdn=, netbios=, name=, ip=``."""
    names = ("asset.id", "asset.display_fqdn", "asset.netbios_name", "asset.name", "asset.display_ipv4_address")
    columns = [*COLUMNS, "asset.netbios_name"]
    none = dict.fromkeys(names, "")
    rows = [
        row(plugin=plugin)
        | none
        | {name: host[short] for short, name in zip(NAMED[:5], names, strict=True) if short in host}
        for host in hosts
    ]
    return export(rows, columns)


def security_center(*hosts):
    """A Security Center export with a finding on each host, which is told as ``fqdn=, ip=, realm=``; no column that no host has."""
    names = {"ip": "IP Address", "fqdn": "DNS Name", "realm": "Repository"}
    shown = [name for name in names if any(name in host for host in hosts)]
    header = ",".join(["Plugin,Plugin Name,Family,Severity,Port,Protocol", *(names[name] for name in shown)])
    lines = [
        ",".join(["1,Weak cipher,General,High,443,TCP", *(host.get(name, "") for name in shown)]) for host in hosts
    ]
    return "\r\n".join([header, *lines, ""]).encode()


A, B = {"ip": "192.0.2.1"}, {"ip": "192.0.2.2"}
#: Hosts of each case have its number in place of ``{n}``.
OLD, NEW = {"ip": "10.{n}.0.1"}, {"ip": "10.{n}.0.2"}
FQDN, BOTH = {"fqdn": "a{n}.example.com"}, {"fqdn": "a{n}.example.com, b{n}.example.com"}
ONE_HOST = {
    "it gains a name": (OLD, OLD | FQDN),
    "it loses its name": (OLD | FQDN, OLD),
    "its name gains a dot and capitals": (OLD | FQDN, NEW | {"fqdn": "A{n}.Example.COM."}),
    "its names change their order": (BOTH, {"fqdn": "b{n}.example.com;a{n}.example.com"}),
    "one of its names vanishes, its address moves": (OLD | BOTH, NEW | {"fqdn": "b{n}.example.com"}),
    "its name comes from another column": ({"netbios": "CORP\\PC{n}"}, {"name": "pc{n}"}),
    "its address moves, the id stays": (OLD | {"id": "x{n}", "name": "a{n}"}, NEW | {"id": "x{n}", "name": "b{n}"}),
    "its id is left out": (OLD | {"id": "x{n}"}, OLD),
    "its id is left out, its address moves": (OLD | {"id": "x{n}", "name": "a{n}"}, NEW | {"name": "a{n}"}),
    "it gains an id": (OLD | {"name": "a{n}"}, OLD | {"name": "a{n}", "id": "x{n}"}),
    "it is enrolled anew": (OLD | {"id": "x{n}", "name": "a{n}"}, OLD | {"id": "y{n}", "name": "a{n}"}),
    "it has a name without its domain": (OLD | FQDN, OLD | {"netbios": "A{n}"}),
    "its id was written by a table program": (OLD | {"id": "17{n}"}, NEW | {"id": "17{n}.0"}),
    "its address has another spelling": ({"ip": "2001:db8:{n}::1"}, {"ip": "2001:0DB8:{n}:0:0:0:0:1"}),
    "its address has leading zeros": (OLD, {"ip": "010.{n:03}.000.001"}),
    "its addresses change their order": ({"ip": "10.{n}.0.1, 10.{n}.0.2"}, {"ip": "10.{n}.0.2,10.{n}.0.1"}),
    "a sentence takes the place of its name": (OLD | FQDN, OLD | {"fqdn": "No registered hostname"}),
    "another sentence takes the place of its name": (OLD | FQDN, OLD | {"fqdn": "(Host name not available)"}),
    "its names are parted by blanks": (
        {"fqdn": "a{n}.example.com b{n}.example.com"},
        {"fqdn": "b{n}.example.com|a{n}.example.com"},
    ),
    "its names are a list of Python's": (
        {"fqdn": "['a{n}.example.com', 'b{n}.example.com']"},
        {"fqdn": "b{n}.example.com"},
    ),
    "its addresses are parted by strokes": ({"ip": "10.{n}.0.1|10.{n}.0.2"}, {"ip": "10.{n}.0.2, 10.{n}.0.1"}),
    "its address is a network of one": (OLD, {"ip": "10.{n}.0.1/32"}),
    "its address has a zone": ({"ip": "fe80::{n}"}, {"ip": "FE80::{n}%eth0.100"}),
}
OTHER_HOST = {
    "the lease went to another machine": (OLD | FQDN, OLD | {"fqdn": "b{n}.example.com"}),
    "another id has the address": (OLD | {"id": "x{n}"}, OLD | {"id": "y{n}"}),
    "another name and address": (OLD | FQDN, NEW | {"fqdn": "b{n}.example.com"}),
    "another address without a name": (OLD, NEW),
    "every host is called localhost": (OLD | {"fqdn": "localhost"}, NEW | {"fqdn": "localhost"}),
}
#: Cases -> hosts of one file, and how many they are.
IN_ONE_FILE = {
    "two addresses with one name": ([OLD | FQDN, NEW | FQDN], 2),
    "hosts without a name": ([OLD | {"fqdn": "No registered hostname"}, NEW | {"fqdn": "No registered hostname"}], 2),
    "one address, named by one row": ([OLD, OLD | FQDN], 1),
    "one id, two addresses": ([OLD | {"id": "x{n}"}, NEW | {"id": "x{n}"}], 1),
    "two ids, one address": ([OLD | {"id": "x{n}"}, OLD | {"id": "y{n}"}], 2),
    "a row without the id": ([OLD | {"id": "x{n}"}, OLD], 1),
    "a row without the address": ([OLD | FQDN, FQDN], 1),
    "a row with some of the addresses": ([{"ip": "10.{n}.0.1, 10.{n}.0.2"}, NEW], 1),
    "a short name in two domains": (
        [{"fqdn": "a{n}.one.example"}, {"fqdn": "a{n}.two.example"}, {"netbios": "A{n}"}],
        3,
    ),
    "names in two orders": ([BOTH, {"fqdn": "b{n}.example.com, a{n}.example.com"}], 1),
    "an asset that is called like its address": ([OLD | {"name": "10.{n}.0.1"}, OLD], 1),
}
OF_CASES = """
    SELECT d.key, sum(CASE f.lifecycle WHEN 'resolved' THEN 0 ELSE 1 END), count(*)
    FROM findings f JOIN definitions d ON d.id = f.definition_id GROUP BY 1
"""


def together(*cases):
    """An export with the hosts of all cases, each with a finding that is called like its case."""
    exports = [
        tenable(*({kind: text.format(n=number) for kind, text in host.items()} for host in hosts), plugin=case)
        for number, (case, hosts) in enumerate(cases, start=1)
    ]
    header = exports[0].splitlines(keepends=True)[0]
    return header + b"".join(each.removeprefix(header) for each in exports)


@pytest.mark.parametrize(("cases", "is_one"), [(ONE_HOST, True), (OTHER_HOST, False)], ids=["one", "another"])
def test_which_hosts_stay_the_same(run_import, query, cases, is_one):
    """Where a host is another one, the finding of the first is resolved."""
    run_import(together(*((case, [before]) for case, (before, _) in cases.items())))
    run_import(together(*((case, [after]) for case, (_, after) in cases.items())), confirmed=True)
    assert {case: (is_open, count) for case, is_open, count in query(OF_CASES)} == {
        case: (1, 1 if is_one else 2) for case in cases
    }
    if is_one:
        back = run_import(together(*((case, [before]) for case, (before, _) in cases.items())))
        assert (back.unchanged, back.inserted, back.resolved) == (len(cases), 0, 0)


def test_hosts_of_one_file(run_import, query):
    run_import(together(*((case, hosts) for case, (hosts, _) in IN_ONE_FILE.items())))
    expected = {case: (count, count) for case, (_, count) in IN_ONE_FILE.items()}
    assert {case: (is_open, count) for case, is_open, count in query(OF_CASES)} == expected
    again = run_import(together(*((case, hosts[::-1]) for case, (hosts, _) in IN_ONE_FILE.items())))
    assert again.unchanged == sum(count for _, count in IN_ONE_FILE.values())


def test_a_repository_keeps_equal_addresses_apart_and_may_be_left_out_where_they_differ(run_import, figures, query):
    both = [A | {"realm": "Site A"}, A | {"realm": "Site B"}]
    assert run_import(security_center(*both)).inserted == 2
    assert figures(run_import(security_center(*reversed(both)))) == {"unchanged": 2}
    assert figures(run_import(security_center(A | {"realm": "Site A"}), mode="hosts")) == {"unchanged": 1}
    other = {"source_label": "other"}
    run_import(security_center(A | {"realm": "Site A"}, B | {"realm": "Site A"}), **other)
    assert figures(run_import(security_center(A, B), **other)) == {"unchanged": 2}


def test_a_file_without_ids_resolves_nothing_of_hosts_that_it_cannot_tell_apart(run_import, figures, query):
    """Two assets share an address; without their ids the file shows one host with both names."""
    both = [A | {"id": "x1", "fqdn": "a.example.com"}, A | {"id": "x2", "fqdn": "www.example.com"}]
    run_import(tenable(*both))
    without = [{name: text for name, text in host.items() if name != "id"} for host in both]
    assert figures(run_import(tenable(*without))) == {"unchanged": 2, "merged": 1}
    assert query(OPEN_HOSTS) == [(2,)]


def test_hosts_trade_their_leases(run_import, figures):
    run_import(tenable(A | {"fqdn": "a.example.com"}, B | {"fqdn": "b.example.com"}))
    assert figures(run_import(tenable(B | {"fqdn": "a.example.com"}, A | {"fqdn": "b.example.com"}))) == {
        "unchanged": 2
    }
    assert figures(run_import(tenable(A, B))) == {"unchanged": 2}


def test_an_address_that_another_host_has_now_is_no_longer_the_first_ones(run_import, figures, query):
    run_import(tenable(A | {"fqdn": "a.example.com"}))
    run_import(tenable(A | {"fqdn": "b.example.com"}), mode="delta")
    assert query(IDENTIFIERS) == [("name", "a.example.com"), ("address", "192.0.2.1"), ("name", "b.example.com")]


def test_an_undo_restores_what_hosts_are_known_by(run_import, query, engine):
    run_import(tenable(A | {"id": "x1", "fqdn": "a.example.com"}))
    before = query(EVERY)
    record = run_import(
        tenable(B | {"id": "x2", "fqdn": "a.example.com, b.example.com"}, A | {"fqdn": "c.example.com"})
    )
    assert query(EVERY) != before
    undo.undo_import(engine, record.id)
    assert query(EVERY) == before


@pytest.mark.parametrize("left_out", ["definition.id", "definition.name"])
def test_a_definition_is_known_by_its_title_where_one_file_has_no_id(run_import, figures, left_out):
    hosts = export([row(plugin="7", title="Weak cipher"), row(plugin="8", title="Old TLS")])
    columns = [column for column in COLUMNS if column != left_out]
    run_import(hosts)
    part = export([row(plugin="7", title="Weak cipher"), row(plugin="8", title="Old TLS")], columns)
    assert figures(run_import(part)) == {"unchanged": 2}
    assert figures(run_import(hosts)) == {"unchanged": 2}


@pytest.mark.parametrize("left_out", [("port",), ("protocol",), ("port", "protocol")], ids="+".join)
def test_findings_are_compared_without_the_columns_that_a_file_lacks(run_import, figures, query, left_out):
    rows = [row(port="443"), row(port="22"), row(port="53", protocol="UDP"), row(plugin="2", port="0")]
    run_import(export(rows))
    columns = [column for column in COLUMNS if column not in left_out]
    assert figures(run_import(export(rows, columns))).get("unchanged") == 4
    assert query("SELECT count(*) FROM findings WHERE lifecycle <> 'resolved'") == [(4,)]


def test_a_file_without_ports_resolves_and_reopens_what_it_can_mean(run_import, figures, query):
    columns = [column for column in COLUMNS if column != "port"]
    run_import(export([row(port="443"), row(port="22"), row(plugin="2", port="80")]))
    assert figures(run_import(export([row(plugin="2")], columns))) == {"unchanged": 1, "resolved": 2}
    assert figures(run_import(export([row(), row(plugin="2")], columns))) == {"unchanged": 1, "reopened": 1}
    assert query("SELECT port FROM findings WHERE lifecycle = 'reopened'") == [(443,)]


PLACES = "SELECT port, protocol, lifecycle FROM findings ORDER BY id"


@pytest.mark.parametrize(
    ("left_out", "late"),
    [(("port",), False), (("protocol",), False), (("port", "protocol"), False), (("port", "protocol"), True)],
)
def test_findings_get_the_ports_that_the_file_before_did_not_name(run_import, figures, query, engine, left_out, late):
    columns = [column for column in COLUMNS if column not in left_out]
    rows = [row(plugin="1", port="443"), row(plugin="1", port="8443"), row(plugin="2", port="22")]
    known = 3 if "port" not in left_out else 2
    run_import(export(rows, columns), scan_date=date(2026, 8, 10))
    before = query("SELECT * FROM findings ORDER BY id")
    record = run_import(export(rows), scan_date=date(2026, 8, 1 if late else 20))
    if late:
        assert record.summary["recorded"] == 3 - known
        undo.undo_import(engine, record.id)
        assert query("SELECT * FROM findings ORDER BY id") == before
        return
    new = {"inserted": 3 - known} if known < 3 else {}
    assert figures(record) == {"unchanged": known} | new
    assert sorted(query(PLACES)) == [(port, "tcp", "active") for port in (22, 443, 8443)]
    assert figures(run_import(export(rows), scan_date=date(2026, 8, 25))) == {"unchanged": 3}
    undo.undo_import(engine, record.id + 1)
    undo.undo_import(engine, record.id)
    assert query("SELECT * FROM findings ORDER BY id") == before


def test_a_rejected_row_protects_the_finding_whose_port_is_not_known_yet(run_import, figures):
    columns = [column for column in COLUMNS if column not in ("port", "protocol")]
    run_import(export([row(plugin="1"), row(plugin="2"), row(plugin="3")], columns))
    record = run_import(export([row(plugin="1"), row(plugin="2", severity="Superbad")]))
    assert figures(record) == {"unchanged": 1, "resolved": 1, "rejected": 1}


def test_a_port_that_was_known_to_be_none_is_not_the_one_that_comes(run_import, figures):
    run_import(export([row(plugin="1", port="0"), row(plugin="2", port="22")]))
    assert figures(run_import(export([row(plugin="1", port="443"), row(plugin="2", port="22")]))) == {
        "unchanged": 1, "resolved": 1, "inserted": 1,
    }  # fmt: skip


def test_hosts_that_were_one_by_an_id_stay_one_without_it(run_import, figures, query):
    """One id stands under two names with two addresses; without ids the file shows two hosts."""
    both = [A | {"id": "x1", "fqdn": "a.example.com"}, B | {"id": "x1", "fqdn": "b.example.com"}]
    assert figures(run_import(tenable(*both))) == {"inserted": 1, "merged": 1}
    without = [{name: text for name, text in host.items() if name != "id"} for host in both]
    assert figures(run_import(tenable(*without))) == {"unchanged": 1, "merged": 1}
    new = run_import(tenable(*without, plugin="1002"), mode="delta")
    assert figures(new) == {"inserted": 1, "merged": 1}
    assert new.rows_read == new.staged + new.merged
    assert query("SELECT count(*) FROM assets") == [(1,)]
    assert figures(run_import(tenable(*reversed(both)), mode="delta")) == {"unchanged": 1, "merged": 1}


def test_a_name_that_went_to_another_machine_makes_no_one_host_of_two(run_import, figures, query):
    run_import(tenable(A | {"name": "a"}, plugin="1001"))
    run_import(tenable(A | {"name": "b"}, plugin="1001"))
    run_import(tenable(A | {"name": "b"}, B | {"name": "a"}, plugin="1001"))
    assert query(OPEN_HOSTS) == [(2,)]


def test_a_file_without_addresses_resolves_nothing_of_hosts_of_one_name(run_import, figures, query):
    both = [A | {"fqdn": "lb.example.com"}, B | {"fqdn": "lb.example.com"}]
    run_import(tenable(*both))
    assert figures(run_import(tenable({"fqdn": "lb.example.com"}))) == {"unchanged": 2}
    assert figures(run_import(tenable(*reversed(both)))) == {"unchanged": 2}


def test_hosts_that_were_one_by_an_address_stay_one_without_it(run_import, figures):
    hosts = [{"name": "a"}, {"name": "b"}, {"name": "c"}]
    named = [A | host for host in hosts] + [B | {"name": "d"}]
    run_import(tenable(*named))
    assert figures(run_import(tenable(*hosts, {"name": "d"}))) == {"unchanged": 2, "merged": 2}
    assert figures(run_import(tenable(*named))) == {"unchanged": 2, "merged": 2}
