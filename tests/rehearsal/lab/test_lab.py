"""The main job on real machines: from nothing to a network, again without change, and through a few faults. In this order."""

import json

import pytest
import yaml

from rehearsal.machines import laptop
from tests.rehearsal.lab.lab import MESH, ROOT, Lab

pytestmark = pytest.mark.rehearsal
PAIRS = [(one, other) for one in MESH for other in MESH if one != other]

PROBE = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor
def answers(port):
    family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(2)
        try:
            return port if probe.connect_ex((sys.argv[1], port)) in (0, 111) else None
        except OSError:
            return None
with ThreadPoolExecutor(256) as pool:
    print(*[port for port in pool.map(answers, [int(p) for p in sys.argv[2:]]) if port])
"""
SERVE = """
import socket, sys, time
kept = [socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True) for port in sys.argv[1:]]
time.sleep(100)
"""
LISTENERS = [8080, 9090, 30000]
CLUSTER = [2379, 2380, 6443, 10250, 10256]  # something real listens there: test_kubernetes.py


def test_progress_and_the_closing_table_are_shown(made: str) -> None:
    table = [line for line in made.splitlines() if line.strip().startswith(("leviathan", "absis", "nimbus", "laptop"))]
    assert len([line for line in table if "10.88.0." in line]) >= 4, made
    assert "fleet-preflight" in made


def test_every_pair_reaches_each_other_with_full_size_packets(lab: Lab) -> None:
    assert lab.silent(PAIRS) == []


def test_round_trip_times_of_every_pair_of_machines_are_an_output(lab: Lab) -> None:
    times = lab.outputs()["roundTripTimes"]
    assert {(one, other) for one, peers in times.items() for other in peers} == {pair for pair in PAIRS if "laptop" not in pair}


def test_the_vps_cannot_open_a_connection_to_a_home_address_but_home_can_to_the_vps(lab: Lab) -> None:
    connect = "import socket, sys; socket.create_connection((sys.argv[1], 22), timeout=3)"
    assert lab.inside("leviathan", "python3", "-c", connect, "203.0.113.100").returncode == 0
    assert lab.inside("nimbus", "python3", "-c", connect, "192.168.77.10").returncode != 0


def test_a_second_up_changes_nothing(lab: Lab) -> None:
    lab.up("--expect-no-changes")


def test_a_preview_of_what_is_there_shows_no_change(lab: Lab) -> None:
    lab.pulumi("preview", "--expect-no-changes")


def test_a_refresh_finds_no_error_and_no_drift(lab: Lab) -> None:
    lab.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")


@pytest.mark.parametrize("address", ["203.0.113.100", "v6"])
def test_only_four_ports_of_the_vps_answer_from_the_internet(lab: Lab, address: str) -> None:
    if address == "v6":
        shown = json.loads(lab.inside("nimbus", "ip", "-json", "-6", "address", "show", "scope", "global").stdout)
        address = next(one["local"] for link in shown for one in link["addr_info"] if one["local"].startswith("2001:db8"))
    ports = [str(port) for port in LISTENERS]
    lab.inside("nimbus", "systemd-run", "--unit=probe-me", "--collect", "python3", "-c", SERVE, *ports)
    listening = lab.inside("nimbus", "ss", "-Hltn").stdout
    try:
        assert ":8080" in listening, listening
        answered = lab.outside(PROBE, address, *map(str, [*range(1, 1025), *CLUSTER]), *ports).stdout.split()
    finally:
        lab.inside("nimbus", "systemctl", "stop", "probe-me")
    assert {*answered} <= {"22", "655", "80", "443"} and {"22", "655"} <= {*answered}


def test_do_runs_a_script_of_the_toolbox_by_name(lab: Lab) -> None:
    shown = lab.command("do", "leviathan", "mesh/status").stdout
    assert "tinc@homelab is active" in shown and "no answer" not in shown


def test_discover_prints_the_block_that_the_stack_file_has(lab: Lab) -> None:
    block = yaml.safe_load(lab.discover("tyler@192.168.77.10").stdout)["leviathan"]
    said = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"]["homelab:machines"]["leviathan"]
    assert {**block["ssh"], "port": 22} == {**said["ssh"], "port": 22}
    assert block["lan"] == said["lan"] and {disk["serial"] for disk in block["disks"]} == {disk["serial"] for disk in said["disks"]}


def test_a_client_leaves_and_comes_back_with_the_same_key(lab: Lab) -> None:
    key = lab.inside("laptop", "homelab-client", "key").stdout
    assert "-----BEGIN RSA PUBLIC KEY-----" in key and "laptop:" in key
    assert lab.inside("laptop", "homelab-client", "leave").returncode == 0
    assert not lab.reaches("laptop", MESH["nimbus"], within=5)
    bundle = json.dumps(lab.outputs()["clients"])
    assert lab.inside("laptop", "homelab-client", "install", "laptop", stdin=bundle).returncode == 0
    assert lab.reaches("laptop", MESH["absis"]) and lab.inside("laptop", "homelab-client", "key").stdout == key


def test_a_killed_engine_leaves_nothing_that_the_next_up_cannot_finish(lab: Lab) -> None:
    with lab.edited(lambda said: said["homelab:mesh"].update(underlayMtu=1400)):
        lab.kill_when("mesh-join", "up", "--yes", "--skip-preview")
        lab.up()
        assert lab.reaches("absis", MESH["nimbus"], size=1336) and not lab.reaches("absis", MESH["nimbus"], size=1400, within=5)
    lab.up()
    assert lab.reaches("absis", MESH["nimbus"])


def test_a_wrong_host_key_is_refused_and_named(lab: Lab) -> None:
    def pin_another(said):
        machines = said["homelab:machines"]
        machines["absis"]["ssh"]["hostKey"] = machines["leviathan"]["ssh"]["hostKey"]

    with lab.edited(pin_another):
        refused = lab.up(ok=False)
    assert refused.returncode != 0
    assert "answers with another host key than the pinned one" in refused.stdout + refused.stderr
    lab.up()


@pytest.mark.faults
def test_a_client_that_is_taken_out_is_cut_off_and_comes_back(lab: Lab) -> None:
    with lab.edited(lambda said: (said["homelab:mesh"].pop("clients"), said["homelab:backup"].pop("clients"))):
        lab.up()
        assert not lab.reaches("laptop", MESH["nimbus"], within=5) and not lab.reaches("laptop", MESH["absis"], within=5)
    lab.up()
    # Its key to the storage was taken away, too: the new bundle brings another.
    laptop.join(json.dumps(lab.outputs()["clients"]))
    assert lab.reaches("laptop", MESH["absis"])
