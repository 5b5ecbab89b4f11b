"""Machines as planned: firewall rules, base documents, user data, addresses."""

import json

import pytest
import yaml

from components.machines.plan import plan, public_address
from components.plan import plan as whole
from config.load import read
from tests.graph import ROOT


@pytest.fixture(scope="module")
def fleet():
    homelab = read("dev")
    return plan(homelab, packages=["tinc"])


def ruleset(fleet, name):
    return json.loads(fleet.machines[name].firewall)["ruleset"].splitlines()


def test_the_firewall_of_a_home_machine_is_exactly_this(fleet):
    assert ruleset(fleet, "leviathan") == (ROOT / "tests/golden/leviathan.firewall.nft").read_text().splitlines()


def test_the_firewall_of_a_rented_machine_is_exactly_this(fleet):
    assert ruleset(fleet, "nimbus") == (ROOT / "tests/golden/nimbus.firewall.nft").read_text().splitlines()


def test_what_runs_is_open_to_a_home_machine_s_own_lan_and_nobody_else():
    machines = whole(read("dev")).fleet
    added = {*ruleset(machines, "absis")} - {*ruleset(plan(read("dev"), packages=[]), "absis")}
    opened = ("tcp dport { 80, 443 }", "meta l4proto { tcp, udp } th dport 53")
    assert added == {f"        ip saddr 192.168.77.0/24 {what} accept" for what in opened}
    assert ruleset(machines, "nimbus") == ruleset(plan(read("dev"), packages=[]), "nimbus")


def test_no_firewall_flushes_the_tables_of_others(fleet):
    assert not [name for name in fleet.machines if "flush" in "\n".join(ruleset(fleet, name))]


def test_ssh_to_a_home_machine_is_open_to_its_lan_the_mesh_and_the_operators_networks():
    homelab = read("dev")
    operator = homelab.operator.model_copy(update={"networks": (homelab.mesh.network.supernet(),)})
    fleet = plan(homelab.model_copy(update={"operator": operator}), packages=[])
    said = json.loads(fleet.machines["absis"].firewall)
    assert said["ssh"] == ["10.88.0.0/23", "192.168.77.0/24"]
    assert "ip saddr { 10.88.0.0/23, 192.168.77.0/24 } tcp dport { 22, 6443 } accept" in said["ruleset"]


def test_hosts_entries_name_every_machine_at_its_mesh_address(fleet):
    assert json.loads(fleet.machines["absis"].base)["hosts"] == {
        "10.88.0.1": ["leviathan.homelab.test", "leviathan"],
        "10.88.0.2": ["absis.homelab.test", "absis"],
        "10.88.0.3": ["nimbus.homelab.test", "nimbus"],
    }


def test_packages_are_those_of_the_base_and_of_the_features(fleet):
    assert json.loads(fleet.machines["nimbus"].base)["packages"] == ["chrony", "nftables", "tinc"]


def test_a_rotated_key_of_the_operator_reaches_rented_machines_and_no_other(fleet):
    keys = {name: json.loads(machine.base)["authorizedKeys"] for name, machine in fleet.machines.items()}
    assert keys == {"leviathan": [], "absis": [], "nimbus": [read("dev").operator.public_key]}


def test_user_data_lets_in_the_operator_and_no_password(fleet):
    said = yaml.safe_load(fleet.machines["nimbus"].access.user_data("nimbus"))
    assert said["ssh_pwauth"] is False and said["users"][0]["ssh_authorized_keys"] == [read("dev").operator.public_key]
    assert said["ssh_keys"]["ed25519_public"] == fleet.machines["nimbus"].access.host_key


def test_user_data_turns_off_the_firewall_that_vultrs_images_come_with(fleet):
    assert "ufw --force disable" in yaml.safe_load(fleet.machines["nimbus"].access.user_data("nimbus"))["runcmd"][0][-1]


def test_a_plan_shows_no_private_key_when_it_is_printed(fleet):
    assert "PRIVATE" not in repr(fleet)


def test_an_operator_on_the_mesh_reaches_own_machines_at_their_mesh_addresses():
    homelab = read("dev")
    operator = homelab.operator.model_copy(update={"via": "mesh"})
    assert plan(homelab.model_copy(update={"operator": operator}), packages=[]).machines["absis"].access.host == "10.88.0.2"


@pytest.mark.parametrize(("reserved", "main"), [("203.0.113.100", "0.0.0.0"), ("0.0.0.0", "0.0.0.0")])
def test_an_address_that_vultr_has_not_given_yet_is_never_passed_on(reserved, main):
    with pytest.raises(ValueError, match="has not given the server its address yet"):
        public_address(reserved, main)


def test_a_server_that_is_not_at_its_reserved_address_is_refused():
    assert public_address("203.0.113.100", "203.0.113.100") == "203.0.113.100"
    with pytest.raises(ValueError, match="not at its reserved address"):
        public_address("203.0.113.100", "203.0.113.7")


def test_both_stacks_plan_without_a_problem():
    assert [*whole(read("home")).fleet.machines] == ["leviathan", "absis", "nimbus"] == [*whole(read("dev")).mesh.members]
