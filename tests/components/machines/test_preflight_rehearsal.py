"""The facts of a real machine of the rehearsal, with faults planted on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any

import pytest

from components.machines.preflight.judge import Disk, Expectation, judge
from rehearsal.machines import lab, leftovers, machine, networks
from rehearsal.machines.addresses import gateway_of
from rehearsal.machines.spec import Disk as LoopDisk
from rehearsal.machines.spec import Spec

pytestmark = pytest.mark.rehearsal

SCRIPT = Path(__file__).parents[3] / "components" / "machines" / "scripts" / "facts"
MIB = 1024**2
PLAN = Expectation(
    name="t-own",
    rented=False,
    cpus=1,
    memory=1024**3,
    disks=(Disk("virtio-t-1", "SERIAL-1", 64 * MIB), Disk("virtio-t-2", "SERIAL-2", 65 * MIB)),
    mesh_address="10.88.0.1",
    lan_address="192.168.77.50/24",
    host_names=("t-own", "other"),
)
WHOLE = Spec(
    name="t-own",
    network="home",
    address=IPv4Interface("192.168.77.50/24"),
    gateway=gateway_of("home"),
    disks=(LoopDisk("virtio-t-1", "SERIAL-1", 64 * MIB), LoopDisk("virtio-t-2", "SERIAL-2", 65 * MIB)),
)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running machine on a host without a rehearsal; nothing is left afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOMELAB_REHEARSAL", str(tmp_path_factory.mktemp("state")))
        if standing := leftovers.find():
            pytest.fail(f"a rehearsal stands on this host; `make down` first: {standing}")
        networks.up()
        try:
            machine.start(WHOLE)
            yield WHOLE.name
        finally:
            left = lab.down()
        assert left == []


def facts(name: str) -> dict[str, Any]:
    done = machine.run(name, ["python3", "-", "203.0.113.1"], stdin=SCRIPT.read_text(), timeout=120)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def run(name: str, command: str) -> None:
    done = machine.run(name, ["sh", "-ec", command])
    assert done.returncode == 0, done.stderr


def failures(name: str) -> set[str]:
    return {finding.check for finding in judge(PLAN, facts(name)) if finding.level == "failure"}


def test_a_machine_of_the_rehearsal_passes_and_tells_its_disks_and_its_clock(own: str) -> None:
    told = facts(own)
    assert told["problems"] == {}
    assert {(disk["serial"], disk["size"]) for disk in told["disks"]} == {("SERIAL-1", 64 * MIB), ("SERIAL-2", 65 * MIB)}
    assert abs(told["clock"]["offset"]) < 0.5
    assert [finding for finding in judge(PLAN, told) if finding.level == "failure"] == []


def test_reading_the_facts_leaves_nothing_behind(own: str) -> None:
    facts(own)
    links = machine.run(own, ["ip", "-o", "link"]).stdout
    assert "hlprobe" not in links
    kept = machine.run(own, ["ls", "-A", "/var/tmp"]).stdout.split()
    assert [name for name in kept if not name.startswith("systemd-private-")] == []


def test_planted_faults_are_found_together(own: str) -> None:
    run(own, "ip address add 10.88.0.1/24 dev host0")
    run(own, "mkdir -p /data; mkfs.ext4 -q /dev/disk/by-id/virtio-t-1; mount /dev/disk/by-id/virtio-t-1 /data")
    run(own, "hostname other; setsid python3 -m http.server 80 >/dev/null 2>&1 </dev/null &")
    run(own, "for i in $(seq 100); do ss -Hltn | grep -q :80 && exit 0; sleep 0.1; done; exit 1")
    assert failures(own) == {"mesh address", "disk virtio-t-1", "host name", "port 80/tcp"}
