"""What an edit of the program means, resource by resource: update in place, replace, or nothing."""

from __future__ import annotations

from typing import Any

import ediri_vultr
import pytest

from rehearsal.plugins.vultr import schema

INSTANCE = "vultr:index/instance:Instance"
KEY = "vultr:index/sSHKey:SSHKey"
GROUP = "vultr:index/firewallGroup:FirewallGroup"
RULE = "vultr:index/firewallRule:FirewallRule"
ADDRESS = "vultr:index/reservedIp:ReservedIp"
DOMAIN = "vultr:index/dnsDomain:DnsDomain"
RECORD = "vultr:index/dnsRecord:DnsRecord"

STATE: dict[str, dict[str, Any]] = {
    INSTANCE: {
        "region": "ord", "plan": "vc2-2c-4gb", "osId": 2136, "label": "nimbus", "hostname": "nimbus", "tags": ["dev", "homelab"],
        "sshKeyIds": ["k1"], "userData": "#cloud-config", "firewallGroupId": "g1", "reservedIpId": "r1", "enableIpv6": True,
        "backups": "disabled", "ddosProtection": False, "userScheme": "root",
    },
    KEY: {"name": "operator", "sshKey": "ssh-ed25519 AAAA"},
    GROUP: {"description": "dev"},
    RULE: {
        "firewallGroupId": "g1", "ipType": "v4", "protocol": "tcp", "subnet": "0.0.0.0", "subnetSize": 0, "port": "22", "source": "",
        "notes": "",
    },
    ADDRESS: {"region": "ord", "ipType": "v4", "label": "nimbus"},
    DOMAIN: {"domain": "lab.org", "dnsSec": "disabled"},
    RECORD: {"domain": "lab.org", "type": "A", "name": "www", "data": "203.0.113.100", "ttl": 300, "priority": 0},
}  # fmt: skip


def outcome(token: str, edits: dict[str, Any], ignored: frozenset[str] = frozenset()) -> dict[str, str]:
    """Property -> update or replace; an edit to None takes the argument out of the program."""
    resource = schema.RESOURCES[token]
    given = {key: value for key, value in {**STATE[token], **edits}.items() if value is not None}
    changes = schema.changes(resource, STATE[token], schema.with_defaults(resource, given, "auto"), ignored)
    return {key: "replace" if resource.inputs[key].replaces else "update" for key in changes}


@pytest.mark.parametrize("token", STATE)
def test_the_same_program_changes_nothing(token: str) -> None:
    assert outcome(token, {}) == {}


@pytest.mark.parametrize(
    ("token", "key", "value", "means"),
    [
        (INSTANCE, "region", "ewr", "replace"),
        (INSTANCE, "osId", 2625, "replace"),
        (INSTANCE, "hostname", "other", "replace"),
        (INSTANCE, "sshKeyIds", ["k2"], "replace"),
        (INSTANCE, "sshKeyIds", None, "replace"),
        (INSTANCE, "userData", "#cloud-config\n", "replace"),
        (INSTANCE, "reservedIpId", "r2", "replace"),
        (INSTANCE, "plan", "vc2-4c-8gb", "update"),
        (INSTANCE, "label", "other", "update"),
        (INSTANCE, "tags", ["dev"], "update"),
        (INSTANCE, "tags", None, "update"),
        (INSTANCE, "firewallGroupId", "g2", "update"),
        (INSTANCE, "enableIpv6", False, "update"),
        (KEY, "name", "other", "update"),
        (KEY, "sshKey", "ssh-ed25519 BBBB", "update"),
        (GROUP, "description", "other", "update"),
        (RULE, "notes", "ssh", "replace"),
        (RULE, "port", "2222", "replace"),
        (RULE, "protocol", "udp", "replace"),
        (RULE, "ipType", "v6", "replace"),
        (RULE, "subnet", "10.0.0.0", "replace"),
        (RULE, "subnetSize", 8, "replace"),
        (RULE, "firewallGroupId", "g2", "replace"),
        (ADDRESS, "label", "other", "update"),
        (ADDRESS, "region", "ewr", "replace"),
        (ADDRESS, "ipType", "v6", "replace"),
        (DOMAIN, "domain", "other.org", "replace"),
        (DOMAIN, "dnsSec", "enabled", "update"),
        (RECORD, "domain", "other.org", "replace"),
        (RECORD, "type", "AAAA", "replace"),
        (RECORD, "name", "web", "update"),
        (RECORD, "data", "203.0.113.101", "update"),
        (RECORD, "ttl", 60, "update"),
        (RECORD, "ttl", None, "update"),
    ],
)
def test_an_edit_means(token: str, key: str, value: Any, means: str) -> None:
    assert outcome(token, {key: value}) == {key: means}


@pytest.mark.parametrize("key", ["firewallGroupId", "hostname", "label", "reservedIpId", "userData", "osId"])
def test_taking_a_computed_argument_out_of_the_program_is_no_change(key: str) -> None:
    assert outcome(INSTANCE, {key: None}) == {}


@pytest.mark.parametrize("priority", [None, 0])
def test_no_priority_and_priority_0_are_one(priority: int | None) -> None:
    assert outcome(RECORD, {"priority": priority}) == {}


def test_the_order_of_tags_does_not_matter() -> None:
    assert outcome(INSTANCE, {"tags": ["homelab", "dev"]}) == {}


def test_a_region_in_capitals_is_the_same_region() -> None:
    assert outcome(INSTANCE, {"region": "ORD"}) == {}


def test_ignored_properties_neither_update_nor_replace() -> None:
    assert outcome(INSTANCE, {"userData": "new", "sshKeyIds": ["k2"]}, frozenset({"userData", "sshKeyIds"})) == {}


def test_an_unknown_value_counts_as_a_change() -> None:
    assert outcome(INSTANCE, {"sshKeyIds": [schema.UNKNOWN]}) == {"sshKeyIds": "replace"}


def test_defaults_are_filled_in_and_listed() -> None:
    inputs = schema.with_defaults(schema.INSTANCE, {"region": "ord", "plan": "p"}, "auto")
    assert inputs["__defaults"] == ["backups", "ddosProtection", "isoId", "userScheme"]
    assert (inputs["backups"], inputs["ddosProtection"], inputs["isoId"], inputs["userScheme"]) == ("disabled", False, "", "root")


def test_a_key_without_a_name_gets_one() -> None:
    assert schema.with_defaults(schema.SSH_KEY, {"sshKey": "k"}, "operator-1a2b3c4")["name"] == "operator-1a2b3c4"


def test_what_the_stand_in_does_not_do_is_refused_by_name() -> None:
    [(key, reason)] = schema.problems(schema.INSTANCE, {"region": "ord", "plan": "p", "vpcIds": ["v"]})
    assert (key, reason) == ("vpcIds", "the rehearsal's vultr stand-in does not do `vpcIds`")


def test_every_problem_is_reported() -> None:
    found = schema.problems(schema.INSTANCE, {"backups": "enabled", "snapshotId": "s"})
    assert [key for key, _ in found] == ["region", "plan", "backups", "snapshotId"]


@pytest.mark.parametrize("token", STATE)
def test_every_property_is_one_that_the_sdk_knows(token: str) -> None:
    resource = schema.RESOURCES[token]
    cls = getattr(ediri_vultr, token.rpartition(":")[2])
    python = {name for name in vars(cls) if not name.startswith("_")}
    names = {
        "".join("_" + letter.lower() if letter.isupper() else letter for letter in key) for key in {*resource.inputs, *resource.outputs}
    }
    assert names - python == set()
