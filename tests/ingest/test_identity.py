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
ONE_HOST = {
    "it gains a name": ([A], [A | {"fqdn": "a.example.com"}]),
    "it loses its name": ([A | {"fqdn": "a.example.com"}], [A]),
    "its name gains a dot and capitals": ([A | {"fqdn": "a.example.com"}], [B | {"fqdn": "A.Example.COM."}]),
    "its names change their order": (
        [{"fqdn": "a.example.com, b.example.com"}],
        [{"fqdn": "b.example.com;a.example.com"}],
    ),
    "one of its names vanishes, its address moves": (
        [A | {"fqdn": "a.example.com, b.example.com"}],
        [B | {"fqdn": "b.example.com"}],
    ),
    "its name comes from another column": ([{"netbios": "CORP\\PC1"}], [{"name": "pc1"}]),
    "its address moves, the id stays": ([A | {"id": "x1", "name": "a"}], [B | {"id": "x1", "name": "b"}]),
    "its id is left out": ([A | {"id": "x1"}], [A]),
    "its id is left out, its address moves": ([A | {"id": "x1", "name": "a"}], [B | {"name": "a"}]),
    "it gains an id": ([A | {"name": "a"}], [A | {"name": "a", "id": "x1"}]),
    "it is enrolled anew": ([A | {"id": "x1", "name": "a"}], [A | {"id": "x2", "name": "a"}]),
    "it has a name without its domain": ([A | {"fqdn": "a.example.com"}], [A | {"netbios": "A"}]),
    "its id was written by a table program": ([A | {"id": "17"}], [B | {"id": "17.0"}]),
    "its address has another spelling": ([{"ip": "2001:db8::1"}], [{"ip": "2001:0DB8:0:0:0:0:0:1"}]),
    "its address has leading zeros": ([A], [{"ip": "192.000.002.001"}]),
    "its addresses change their order": ([{"ip": "192.0.2.1, 192.0.2.2"}], [{"ip": "192.0.2.2,192.0.2.1"}]),
    "a sentence takes the place of its name": (
        [A | {"fqdn": "a.example.com"}],
        [A | {"fqdn": "No registered hostname"}],
    ),
    "another sentence takes the place of its name": (
        [A | {"fqdn": "a.example.com"}],
        [A | {"fqdn": "(Host name not available)"}],
    ),
    "its names are parted by blanks": (
        [{"fqdn": "a.example.com b.example.com"}],
        [{"fqdn": "b.example.com|a.example.com"}],
    ),
    "its names are a list of Python's": (
        [{"fqdn": "['a.example.com', 'b.example.com']"}],
        [{"fqdn": "b.example.com"}],
    ),
    "its addresses are parted by strokes": ([{"ip": "192.0.2.1|192.0.2.2"}], [{"ip": "192.0.2.2, 192.0.2.1"}]),
    "its address is a network of one": ([A], [{"ip": "192.0.2.1/32"}]),
    "its address has a zone": ([{"ip": "fe80::1"}], [{"ip": "FE80::1%eth0.100"}]),
}


@pytest.mark.parametrize(("before", "after"), ONE_HOST.values(), ids=ONE_HOST)
def test_one_host_stays_one_host(run_import, figures, query, before, after):
    run_import(tenable(*before))
    assert figures(run_import(tenable(*after))) == {"unchanged": 1}
    assert query(OPEN_HOSTS) == [(1,)]
    assert figures(run_import(tenable(*before))) == {"unchanged": 1}


OTHER_HOST = {
    "the lease went to another machine": ([A | {"fqdn": "a.example.com"}], [A | {"fqdn": "b.example.com"}]),
    "another id has the address": ([A | {"id": "x1"}], [A | {"id": "x2"}]),
    "another name and address": ([A | {"fqdn": "a.example.com"}], [B | {"fqdn": "b.example.com"}]),
    "another address without a name": ([A], [B]),
    "every host is called localhost": ([A | {"fqdn": "localhost"}], [B | {"fqdn": "localhost"}]),
}


@pytest.mark.parametrize(("before", "after"), OTHER_HOST.values(), ids=OTHER_HOST)
def test_another_host_is_another_host(run_import, figures, before, after):
    run_import(tenable(*before))
    assert figures(run_import(tenable(*after))) == {"inserted": 1, "resolved": 1}


IN_ONE_FILE = {
    "two addresses with one name": ([A | {"fqdn": "lb.example.com"}, B | {"fqdn": "lb.example.com"}], 2),
    "hosts without a name": ([A | {"fqdn": "No registered hostname"}, B | {"fqdn": "No registered hostname"}], 2),
    "one address, named by one row": ([A, A | {"fqdn": "a.example.com"}], 1),
    "one id, two addresses": ([A | {"id": "x1"}, B | {"id": "x1"}], 1),
    "two ids, one address": ([A | {"id": "x1"}, A | {"id": "x2"}], 2),
    "a row without the id": ([A | {"id": "x1"}, A], 1),
    "a row without the address": ([A | {"fqdn": "a.example.com"}, {"fqdn": "a.example.com"}], 1),
    "a row with some of the addresses": ([{"ip": "192.0.2.1, 192.0.2.2"}, B], 1),
    "a short name in two domains": ([{"fqdn": "a.one.example"}, {"fqdn": "a.two.example"}, {"netbios": "A"}], 3),
    "names in two orders": ([{"fqdn": "a.example.com, b.example.com"}, {"fqdn": "b.example.com, a.example.com"}], 1),
    "an asset that is called like its address": ([A | {"name": "192.0.2.1"}, A], 1),
}


@pytest.mark.parametrize(("hosts", "count"), IN_ONE_FILE.values(), ids=IN_ONE_FILE)
def test_hosts_of_one_file(run_import, figures, query, hosts, count):
    record = run_import(tenable(*hosts))
    assert (record.inserted, record.merged) == (count, len(hosts) - count)
    assert query(OPEN_HOSTS) == [(count,)]
    assert figures(run_import(tenable(*reversed(hosts)))).get("unchanged") == count


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


@pytest.mark.parametrize("left_out", [("port",), ("protocol",), ("port", "protocol")], ids="+".join)
@pytest.mark.parametrize("late", [False, True])
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
