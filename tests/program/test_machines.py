"""Machines in the whole program: bought, protected, equipped."""

import json

from components.remote.toolbox import version
from tests.graph import stack_graph


def test_the_scripts_themselves_do_not_pass_through_the_engine(dev):
    inputs = dev["fleet-absis-toolbox"].inputs
    assert len(inputs["stdin"]) < 500 and json.loads(inputs["stdin"])["toolbox"] == version()
    request = dev["fleet-absis-toolbox"].request
    assert request.deletedWith and [*request.replace_with] == [request.deletedWith]


def test_a_machine_is_equipped_only_after_its_firewall_and_base(dev):
    assert {"fleet-absis-toolbox", "fleet-absis-base", "fleet-absis-host-firewall"} <= dev.before("mesh-key-absis")


def test_the_firewall_group_opens_exactly_five_ports_to_both_families(graph):
    rules = {
        (rule.inputs["protocol"], rule.inputs["port"], rule.inputs["ipType"], rule.inputs["subnet"], rule.inputs["subnetSize"])
        for rule in graph.all("vultr:index/firewallRule:FirewallRule").values()
    }
    ports = [("tcp", "22"), ("tcp", "655"), ("udp", "655"), ("tcp", "80"), ("tcp", "443")]
    assert rules == {(*port, family, any_, 0) for port in ports for family, any_ in (("v4", "0.0.0.0"), ("v6", "::"))}


def test_a_server_is_never_replaced_for_a_key_or_user_data_and_never_open_before_its_rules(graph):
    request = graph["fleet-nimbus-server"].request
    assert {*request.ignoreChanges} == {"sshKeyIds", "userData", "reservedIpId"} and request.deleteBeforeReplace
    assert {*graph.names("fleet-nimbus-rule-*")} <= graph.before("fleet-nimbus-server")
    assert len(graph.names("fleet-nimbus-rule-*")) == 10


def test_a_server_is_asked_for_at_vultr_before_it_is_bought(graph):
    assert [*graph["fleet-nimbus-server"].request.hooks.before_create] == ["fleet-nimbus-second"]


def test_a_rented_machine_is_protected_unless_the_stack_says_otherwise(dev):
    assert not dev["fleet-nimbus-server"].request.protect
    home = stack_graph("home")
    assert home["fleet-nimbus-server"].request.protect and home["fleet-nimbus-address"].request.protect


def test_user_data_is_secret_and_plants_the_pinned_host_key(dev):
    server = dev["fleet-nimbus-server"]
    assert "userData" in server.secrets
    assert dev["mesh-key-nimbus"].inputs["connection"]["hostKey"] in server.inputs["userData"]
