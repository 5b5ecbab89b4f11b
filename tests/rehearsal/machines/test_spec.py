from dataclasses import replace
from ipaddress import ip_network

import pytest

from rehearsal.machines.shell import MachineError
from rehearsal.machines.spec import EdgeRule, Spec, from_json, rules_from_json, rules_to_json, to_json


def test_a_machine_comes_back_from_its_record_as_it_was(own: Spec, rented: Spec) -> None:
    assert [from_json(to_json(spec)) for spec in (own, rented)] == [own, rented]


def test_no_group_and_a_group_without_rules_are_kept_apart() -> None:
    assert rules_from_json(rules_to_json(None)) is None
    assert rules_from_json(rules_to_json(())) == ()


def test_firewall_rules_come_back_from_their_record_as_they_were() -> None:
    rules = (EdgeRule(4, "tcp", "22", ip_network("0.0.0.0/0")), EdgeRule(6, "icmp", "", ip_network("2001:db8::/32")))
    assert rules_from_json(rules_to_json(rules)) == rules


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a.b", "../a", "x" * 41])
def test_a_name_that_cannot_be_a_host_name_is_refused(own: Spec, name: str) -> None:
    with pytest.raises(MachineError, match="machine name"):
        replace(own, name=name)


def test_what_a_machine_shows_of_itself_holds_no_key(own: Spec) -> None:
    key = "-----BEGIN " + "OPENSSH PRIVATE KEY-----"
    assert "PRIVATE" not in repr(replace(own, host_key=key, user_data=key))
