"""Domains and records under the real engine."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.engine

NAMES = """
zone = vultr.DnsDomain("zone", domain="lab.org")
www = vultr.DnsRecord("www", domain=zone.domain, name="www", type="A", data="203.0.113.100", ttl=300)
www6 = vultr.DnsRecord("www6", domain=zone.domain, name="www", type="AAAA", data="2001:db8:113::100")
apex = vultr.DnsRecord("apex", domain=zone.domain, name="", type="A", data="203.0.113.100", ttl=300)
"""


def told(lab: Any, domain: str = "lab.org") -> list[tuple[str, str, str, int]]:
    return sorted((record.name, record.type, record.data, record.ttl) for record in lab.cloud().zones.records(domain))


def test_a_zone_with_its_records_is_made_and_then_left_alone(lab: Any) -> None:
    made = lab.up(NAMES)
    assert made.code == 0, made.text
    expected = [("", "A", "203.0.113.100", 300), ("www", "A", "203.0.113.100", 300), ("www", "AAAA", "2001:db8:113::100", 3600)]
    assert told(lab) == expected
    assert lab.state()["zone"]["id"] == "lab.org"
    assert lab.up().steps == {}
    assert lab.refresh().code == 0
    assert lab.up().steps == {}


def test_a_preview_makes_nothing(lab: Any) -> None:
    assert lab.preview(NAMES).code == 0
    assert not list(lab.account.rglob("*.json"))


def test_address_name_and_time_to_live_change_in_place(lab: Any) -> None:
    lab.up(NAMES)
    before = lab.state()["www"]["id"]
    changed = lab.up(
        NAMES.replace('name="www", type="A", data="203.0.113.100", ttl=300', 'name="web", type="A", data="203.0.113.7", ttl=60')
    )
    assert (changed.code, changed.steps) == (0, {"www": "update"}), changed.text
    assert lab.state()["www"]["id"] == before
    assert ("web", "A", "203.0.113.7", 60) in told(lab)


def test_a_record_of_another_type_takes_the_place_of_the_first(lab: Any) -> None:
    lab.up(NAMES)
    changed = lab.up(NAMES.replace('name="www", type="A", data="203.0.113.100"', 'name="www", type="CNAME", data="lab.org"'))
    assert (changed.code, changed.steps) == (0, {"www": "replace"}), changed.text
    deleted, created = (changed.text.index(f"www {act}") for act in ("deleted original", "created replacement"))
    assert deleted < created
    assert ("www", "CNAME", "lab.org", 300) in told(lab)


def test_a_zone_of_another_name_is_another_zone_with_new_records(lab: Any) -> None:
    lab.up(NAMES)
    moved = lab.up(NAMES.replace('domain="lab.org"', 'domain="other.org"'))
    assert moved.code == 0, moved.text
    assert set(moved.steps.values()) == {"replace"}
    assert [domain.domain for domain in lab.cloud().zones.domains()] == ["other.org"]
    assert len(told(lab, "other.org")) == 3


def test_records_and_zones_deleted_elsewhere_are_noticed_and_made_again(lab: Any) -> None:
    lab.up(NAMES)
    lab.cloud().zones.delete_record("lab.org", lab.state()["www"]["id"])
    assert lab.refresh().code == 0
    assert lab.up().steps == {"www": "create"}
    lab.cloud().zones.delete_domain("lab.org")
    assert lab.refresh().code == 0
    assert lab.up().steps == {"zone": "create", "www": "create", "www6": "create", "apex": "create"}


def test_a_record_that_is_gone_already_makes_destroy_fail_until_refresh(lab: Any) -> None:
    lab.up(NAMES)
    lab.cloud().zones.delete_record("lab.org", lab.state()["www"]["id"])
    failed = lab.destroy()
    assert failed.code != 0
    assert "error deleting dns record" in failed.text
    assert lab.refresh().code == 0
    assert lab.destroy().code == 0
    assert not list(lab.account.rglob("*.json"))


def test_a_wrong_address_is_refused_in_the_clouds_words(lab: Any) -> None:
    refused = lab.up(NAMES.replace("2001:db8:113::100", "203.0.113.100"))
    assert refused.code != 0
    assert 'error creating DNS record : {"error":"Invalid AAAA record data","status":400}' in refused.text


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("vultr.DnsDomain('zone', domain='lab.org', ip='203.0.113.100')", "does not do `ip`"),
        ("vultr.DnsRecord('mail', domain='lab.org', name='', type='MX', data='mail', priority=10)", "does only 'A', 'AAAA', 'CNAME'"),
    ],
)
def test_what_the_stand_in_does_not_do_is_refused_in_the_preview(lab: Any, program: str, reason: str) -> None:
    refused = lab.preview(program)
    assert refused.code != 0
    assert f"stand-in {reason}" in refused.text


def test_a_record_can_be_taken_into_a_stack(lab: Any) -> None:
    lab.up('vultr.DnsDomain("zone", domain="lab.org")')
    record = lab.cloud().zones.create_record("lab.org", type="A", name="www", data="203.0.113.100", ttl=300, priority=0)
    words = ("vultr:index/dnsRecord:DnsRecord", "www", f"lab.org,{record.id}", "--yes", "--generate-code=false", "--protect=false")
    adopted = lab.run("import", *words)
    assert adopted.returncode == 0, adopted.stdout
    assert lab.up(NAMES.partition("www6")[0]).steps == {}
