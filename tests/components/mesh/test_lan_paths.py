"""LAN paths: who has them, what machines are told, and when a neighbour counts as reachable over the LAN."""

import importlib.util
import json
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.mesh.plan import neighbours, plan
from components.plan import plan as whole
from components.remote.toolbox import scripts
from config.load import read

SCRIPTS = Path(__file__).parents[3] / "components/mesh/scripts"
MACS = {"leviathan": "02:00:00:00:00:0a\n", "absis": "02:00:00:00:00:0b\n"}


@pytest.fixture(scope="module")
def lan_path():
    """The module that machines run."""
    spec = importlib.util.spec_from_file_location("lan_path", SCRIPTS / "lan_path.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def dev():
    return read("dev")


def changed(homelab, name, **values):
    return homelab.model_copy(update={"machines": {**homelab.machines, name: homelab.machines[name].model_copy(update=values)}})


def test_machines_of_one_lan_are_neighbours_and_a_rented_one_has_none(dev):
    assert {name: neighbours(dev, name) for name in dev.machines} == {"leviathan": ["absis"], "absis": ["leviathan"], "nimbus": []}


@pytest.mark.parametrize("difference", [{"site": "office"}, {"lan": "192.168.78.11/24"}])
def test_machines_of_another_site_or_behind_a_router_are_no_neighbours(dev, difference):
    values = {key: type(dev.machines["absis"].lan)(value) if key == "lan" else value for key, value in difference.items()}
    assert neighbours(changed(dev, "absis", **values), "leviathan") == []


def test_a_machine_is_told_the_mesh_address_and_the_hardware_address_of_each_neighbour(dev):
    assert json.loads(plan(dev).lan_path_document("leviathan", MACS)) == {
        "address": "10.88.0.1",
        "network": "10.88.0.0/24",
        "mtu": 1400,
        "lan": "192.168.77.10",
        "tunnel": "tinc0",
        "neighbours": {"absis": {"address": "10.88.0.2", "mac": "02:00:00:00:00:0b"}},
    }


def test_switched_off_every_machine_is_told_to_have_none(dev):
    off = plan(dev.model_copy(update={"mesh": dev.mesh.model_copy(update={"lan_paths": False})}))
    assert json.loads(off.lan_path_document("absis", {}))["neighbours"] == {}
    assert off.warnings == []


def test_preview_warns_that_the_lan_is_not_encrypted(dev):
    (warning,) = whole(dev).mesh.warnings
    assert "leviathan, absis" in warning and "nothing encrypts it" in warning and "homelab:mesh.lanPaths: false" in warning


@pytest.mark.parametrize(("lan_paths", "dropped"), [(True, ["leviathan", "absis"]), (False, [])])
def test_tinc_speaks_to_a_neighbour_by_its_connection_and_to_others_by_udp(dev, lan_paths, dropped):
    """By UDP it would go on sending to the LAN for a while after the LAN was cut, however soon its connection is closed."""
    lab = whole(dev.model_copy(update={"mesh": dev.mesh.model_copy(update={"lan_paths": lan_paths})}))
    refusing = [name for name, machine in lab.fleet.machines.items() if "} udp dport 655 drop" in json.loads(machine.firewall)["ruleset"]]
    assert refusing == dropped


def test_each_end_is_told_the_card_that_the_other_reported(run):
    graph = run(says={f"mesh-card-{name}": card for name, card in MACS.items()})
    told = {name: json.loads(graph[f"mesh-lan-path-{name}"].inputs["stdin"])["neighbours"] for name in MACS}
    assert told["absis"]["leviathan"]["mac"] == "02:00:00:00:00:0a" and told["leviathan"]["absis"]["mac"] == "02:00:00:00:00:0b"


def test_paths_are_proven_when_both_ends_have_theirs_and_neighbours_by_either_path(run):
    graph = run()
    assert {"mesh-lan-path-leviathan", "mesh-lan-path-absis"} <= graph.before("mesh-probe-absis")
    assert "leviathan=10.88.0.1/lan nimbus=10.88.0.3" in graph["mesh-probe-absis"].inputs["create"]


def test_switched_off_it_is_still_told_so_that_a_machine_forgets_its_paths(run):
    graph = run(change=lambda said: said["homelab:mesh"].update(lanPaths=False))
    assert graph.names("mesh-card-*") == []
    assert json.loads(graph["mesh-lan-path-absis"].inputs["stdin"])["neighbours"] == {}
    assert "/lan" not in graph["mesh-probe-absis"].inputs["create"].split("mesh/probe")[1]


def answered(probe, times=1):
    for _ in range(times):
        probe.answer(probe.ask())


def test_a_path_that_never_failed_is_proven_by_one_answer(lan_path):
    probe = lan_path.Probe()
    assert not probe.up
    answered(probe)
    assert probe.up


def test_two_lost_probes_are_forgiven_and_a_third_ends_the_path(lan_path):
    probe = lan_path.Probe(up=True)
    for _ in range(3):  # the third ask tells that two were lost
        probe.ask()
    assert probe.up
    probe.ask()
    assert not probe.up


def test_an_answer_in_between_starts_the_count_anew(lan_path):
    probe = lan_path.Probe(up=True)
    for _ in range(10):
        probe.ask()
        probe.ask()
        answered(probe)
    assert probe.up


def test_a_path_that_failed_comes_back_after_three_answers_in_a_row(lan_path):
    probe = lan_path.Probe(up=True)
    for _ in range(4):
        probe.ask()
    probe.answer(probe.asked)
    answered(probe)
    probe.ask()  # lost
    probe.ask()
    probe.answer(probe.asked)
    answered(probe)
    assert not probe.up
    answered(probe)
    assert probe.up


def test_an_answer_to_another_question_proves_nothing(lan_path):
    probe = lan_path.Probe()
    late = probe.ask()
    probe.ask()
    probe.answer(late)
    probe.answer(b"invented")
    assert not probe.up


@pytest.fixture
def pair(lan_path):
    """Two ends on this computer: the one that asks, and the function that serves the other for a while."""
    here, there = lan_path.Echo("127.0.0.1", 1400), lan_path.Echo("127.0.0.1", 1400)

    def ask(packet):
        here.socket.sendto(packet, there.socket.getsockname())
        with ThreadPoolExecutor(1) as other:
            serving = other.submit(lambda: [*there.answers(time.monotonic() + 0.3)])
            got = next(iter(here.answers(time.monotonic() + 0.3)), None)
            serving.result()
        return got

    yield ask
    here.socket.close()
    there.socket.close()


def test_a_question_of_exactly_the_mtu_comes_back_with_its_number_by_its_device(lan_path, pair):
    assert pair((lan_path.ASK + b"12345678").ljust(1372, b"\0")) == (b"12345678", socket.if_nametoindex("lo"), "127.0.0.1")


@pytest.mark.parametrize("size", [1371, 1373, 60])
def test_a_question_of_another_size_is_not_answered(lan_path, pair, size):
    assert pair((lan_path.ASK + b"12345678").ljust(size, b"\0")) is None


def test_something_else_is_not_answered(pair):
    assert pair(b"x" * 1372) is None


@pytest.mark.parametrize("mac", ["", "zz:00:00:00:00:0b", "01:00:5e:00:00:01", "02:00:00:00:00:0b accept; x"])
def test_what_is_no_hardware_address_reaches_no_rule_of_the_firewall(dev, tmp_path, mac):
    for name, text in scripts().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(text)
    document = plan(dev).lan_path_document("leviathan", {"absis": mac})
    argv = [sys.executable, tmp_path / "mesh/lan-path", "apply"]
    done = subprocess.run(argv, input=document, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "the hardware address that absis reported for its LAN is none" in done.stderr
