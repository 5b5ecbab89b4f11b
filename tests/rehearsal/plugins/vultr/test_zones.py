"""The DNS part of the emulated account, without Pulumi."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rehearsal.plugins.vultr.objects import Refused
from rehearsal.plugins.vultr.store import Store
from rehearsal.plugins.vultr.zones import Zones

WWW: dict[str, Any] = {"type": "A", "name": "www", "data": "203.0.113.100", "ttl": 300, "priority": 0}


@pytest.fixture
def zones(tmp_path: Path) -> Zones:
    zones = Zones(Store(tmp_path))
    zones.create_domain("lab.example.org", "disabled")
    return zones


def test_domains_and_records_outlive_their_client(zones: Zones, tmp_path: Path) -> None:
    record = zones.create_record("lab.example.org", **WWW)
    again = Zones(Store(tmp_path))
    assert [domain.domain for domain in again.domains()] == ["lab.example.org"]
    assert again.records("lab.example.org") == [record]


def test_a_record_is_found_in_its_own_domain_only(zones: Zones) -> None:
    zones.create_domain("example.org", "disabled")
    record = zones.create_record("lab.example.org", **WWW)
    assert zones.record("lab.example.org", record.id) == record
    with pytest.raises(Refused, match="Invalid record"):
        zones.record("example.org", record.id)


def test_two_records_that_say_the_same_are_two(zones: Zones) -> None:
    assert zones.create_record("lab.example.org", **WWW).id != zones.create_record("lab.example.org", **WWW).id


def test_a_domain_takes_its_records_along(zones: Zones) -> None:
    zones.create_domain("example.org", "disabled")
    kept = zones.create_record("example.org", **WWW)
    zones.create_record("lab.example.org", **WWW)
    zones.delete_domain("lab.example.org")
    zones.create_domain("lab.example.org", "disabled")
    assert (zones.records("lab.example.org"), zones.records("example.org")) == ([], [kept])


def test_a_domain_is_in_an_account_once(zones: Zones) -> None:
    with pytest.raises(Refused, match="already"):
        zones.create_domain("lab.example.org", "disabled")


def test_a_missing_domain_is_told_in_the_words_that_the_provider_knows(zones: Zones) -> None:
    for request in (lambda: zones.domain("nowhere.org"), lambda: zones.create_record("nowhere.org", **WWW)):
        with pytest.raises(Refused) as refusal:
            request()
        assert str(refusal.value) == '{"error":"Invalid domain","status":404}'


@pytest.mark.parametrize("name", ["../machines", "..", "org", "", "UPPER.org", "a/b.org", "-a.org"])
def test_a_domain_is_a_name_and_never_a_path(zones: Zones, name: str) -> None:
    with pytest.raises(Refused, match="Invalid domain name"):
        zones.create_domain(name, "disabled")
    with pytest.raises(Refused, match="Invalid domain"):
        zones.domain(name)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data": "2001:db8::1"}, "Invalid A record data"),
        ({"type": "AAAA"}, "Invalid AAAA record data"),
        ({"data": "0.0.0"}, "Invalid A record data"),
        ({"name": "a b"}, "Invalid record name"),
        ({"name": "a.*"}, "Invalid record name"),
    ],
)
def test_a_wrong_record_is_refused_and_not_kept(zones: Zones, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        zones.create_record("lab.example.org", **WWW | change)
    record = zones.create_record("lab.example.org", **WWW)
    with pytest.raises(Refused, match=reason):
        zones.change_record("lab.example.org", record.id, **change)
    assert zones.records("lab.example.org") == [record]


@pytest.mark.parametrize("name", ["", "*", "plex", "*.apps", "_acme-challenge.plex", "a.b.c"])
def test_names_are_relative_and_may_begin_with_a_star(zones: Zones, name: str) -> None:
    assert zones.create_record("lab.example.org", **WWW | {"name": name}).name == name
