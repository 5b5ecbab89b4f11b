"""Facts in, findings out: one rule a test."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from components.machines.preflight.judge import Disk, Expectation, Finding, Runner, across, judge, unreachable

TB4 = 4_000_787_030_016  # bytes of a disk sold as 4 TB

PLAN = Expectation(
    name="leviathan",
    rented=False,
    cpus=8,
    memory=32 * 1024**3,
    disks=(Disk("ata-one", "WD-1", 4 * 1000**4),),
    mesh_address="10.88.0.1",
    lan_address="192.168.1.10/24",
    host_names=("leviathan", "absis", "nimbus"),
)

GOOD: dict[str, Any] = {
    "os": {"id": "debian", "version": "12", "name": "Debian GNU/Linux 12 (bookworm)"},
    "kernel": "6.1.0-28-amd64",
    "host": "leviathan",
    "machineId": "a" * 32,
    "root": True,
    "cpus": 8,
    "memory": {"total": 33_300_000_000, "swap": 0},
    "python": {"version": "3.11.2", "missing": []},
    "addresses": {"lo": ["127.0.0.1/8"], "eno1": ["192.168.1.10/24", "fe80::1/64"]},
    "disks": [
        {"path": "/dev/sda", "ids": ["ata-root"], "serial": "S-0", "size": 500 * 10**9, "root": True, "mounts": ["/"], "holds": ["ext4"]},
        {"path": "/dev/sdb", "ids": ["ata-one", "wwn-1"], "serial": "WD-1", "size": TB4, "root": False, "mounts": [], "holds": []},
    ],
    "free": {"/": 400 * 10**9, "/var": 400 * 10**9},
    "latency": {"median": 1.1, "p99": 4.0},
    "features": {"tun": True, "nf_tables": True, "overlay": True, "vxlan": True, "dummy": True, "bridge": True},
    "firewalls": [],
    "listeners": [],
    "clock": {"server": "0.debian.pool.ntp.org", "offset": 0.01},
    "problems": {},
}


def bad(facts: dict[str, Any], plan: Expectation = PLAN) -> list[tuple[str, str, str]]:
    """(level, check, found) of what is not well; every such finding must carry a remedy."""
    findings = [finding for finding in judge(plan, facts) if finding.level != "ok"]
    assert all(finding.remedy for finding in findings)
    assert {finding.machine for finding in findings} <= {plan.name}
    return [(finding.level, finding.check, finding.found) for finding in findings]


def but(path: str, value: Any) -> dict[str, Any]:
    """The good facts with one value changed; `path` is dotted."""
    facts = deepcopy(GOOD)
    *parents, last = path.split(".")
    place: Any = facts
    for key in parents:
        place = place[int(key) if key.isdigit() else key]
    place[last] = value
    return facts


def test_a_machine_as_planned_has_no_bad_finding() -> None:
    assert bad(GOOD) == []
    assert len(judge(PLAN, GOOD)) >= 10


@pytest.mark.parametrize(("system", "version"), [("debian", "12"), ("debian", "13"), ("ubuntu", "22.04"), ("ubuntu", "24.04")])
def test_supported_systems_pass(system: str, version: str) -> None:
    assert bad(but("os", {"id": system, "version": version, "name": ""})) == []


@pytest.mark.parametrize(("system", "version"), [("debian", "11"), ("ubuntu", "20.04"), ("fedora", "40"), ("debian", ""), ("", "")])
def test_other_systems_fail(system: str, version: str) -> None:
    [(level, check, _)] = bad(but("os", {"id": system, "version": version, "name": ""}))
    assert (level, check) == ("failure", "system")


def test_a_python_without_its_whole_library_fails_and_names_what_is_missing() -> None:
    assert bad(but("python.missing", ["ssl", "sqlite3"])) == [("failure", "Python", "3.11.2 without ssl, sqlite3")]


RUNNER = replace(PLAN, runner=Runner((3, 11), 2 * 10**9))


@pytest.mark.parametrize(("version", "passes"), [("3.10.12", False), ("3.9.2", False), ("3.11.2", True), ("3.12.0+", True)])
def test_an_older_python_than_ansible_s_fails_on_the_runner_only(version: str, passes: bool) -> None:
    facts = but("python.version", version)
    assert bad(facts) == []
    assert bad(facts, RUNNER) == ([] if passes else [("failure", "runner", f"Python {version}")])


def test_the_runner_needs_room_for_playbooks_besides_what_all_need() -> None:
    short = but("free", {"/": 5 * 10**9, "/var": 5 * 10**9})
    assert bad(short) == [] and bad(short, RUNNER) == [("failure", "free space of /var", "5.0 GB")]
    assert bad(but("free", {"/": 6 * 10**9, "/var": 6 * 10**9}), RUNNER) == []


def test_a_runner_that_may_have_its_playbooks_already_is_not_asked_for_their_room_again() -> None:
    settled = {**but("addresses.mesh0", ["10.88.0.1/32"]), "free": {"/var": 5 * 10**9}}
    assert bad(settled, RUNNER) == [] and bad({**settled, "free": {"/var": 10**9}}, RUNNER)[0][0] == "warning"


def test_fewer_cpus_than_claimed_fail_and_more_do_not() -> None:
    assert bad(but("cpus", 4)) == [("failure", "CPUs", "4")]
    assert bad(but("cpus", 16)) == []


@pytest.mark.parametrize(("share", "passes"), [(0.91, True), (0.89, False), (2.0, True)])
def test_memory_may_miss_a_tenth_of_what_is_claimed(share: float, passes: bool) -> None:
    assert (bad(but("memory.total", int(share * 32 * 1024**3))) == []) is passes


def test_what_the_plan_does_not_claim_is_not_compared() -> None:
    assert bad(but("cpus", 1), replace(PLAN, cpus=None, memory=None, disks=(), lan_address=None)) == []


def test_a_missing_disk_fails_with_what_is_looked_for() -> None:
    missing = but("disks.1.ids", [])
    missing["disks"][1]["serial"] = "other"
    assert bad(missing) == [("failure", "disk ata-one", "no such disk")]


def test_a_disk_under_another_id_is_told_where_it_is() -> None:
    assert bad(but("disks.1.ids", ["ata-typo"])) == [("failure", "disk ata-one", "no such disk; its serial is at /dev/sdb")]


def test_another_serial_than_claimed_fails() -> None:
    assert bad(but("disks.1.serial", "WD-9")) == [("failure", "disk ata-one", "serial WD-9")]


def test_a_serial_that_cannot_be_read_is_a_warning() -> None:
    assert bad(but("disks.1.serial", None)) == [("warning", "disk ata-one", "its serial cannot be read")]


@pytest.mark.parametrize(("size", "passes"), [(4_079_000_000_000, True), (4_081_000_000_000, False), (3_919_000_000_000, False)])
def test_a_disk_may_differ_by_two_percent_from_the_size_claimed(size: int, passes: bool) -> None:
    assert (bad(but("disks.1.size", size)) == []) is passes


def test_the_system_disk_is_never_a_disk_of_the_plan() -> None:
    plan = replace(PLAN, disks=(Disk("ata-root", "S-0", 500 * 10**9),))
    assert ("failure", "disk ata-root", "the system is on it") in bad(GOOD, plan)


def test_a_mounted_disk_fails() -> None:
    assert ("failure", "disk ata-one", "mounted on /data") in bad(but("disks.1.mounts", ["/data"]))


def test_a_disk_that_holds_something_is_a_warning_unless_it_is_cephs() -> None:
    assert bad(but("disks.1.holds", ["ext4", "gpt partitions"])) == [("warning", "disk ata-one", "holds ext4, gpt partitions")]
    assert bad(but("disks.1.holds", ["ceph_bluestore"])) == []


def test_a_host_name_other_than_planned_is_fine() -> None:
    assert bad(but("host", "debian")) == []


def test_the_name_of_another_machine_of_the_plan_fails() -> None:
    assert bad(but("host", "absis")) == [("failure", "host name", "absis")]


@pytest.mark.parametrize("name", ["Home_1", "-a", "a" * 64, ""])
def test_an_invalid_host_name_fails(name: str) -> None:
    assert bad(but("host", name)) == [("failure", "host name", name)]


@pytest.mark.parametrize(("offset", "passes"), [(0.49, True), (-0.49, True), (0.51, False), (-3600.0, False)])
def test_the_clock_may_be_half_a_second_off(offset: float, passes: bool) -> None:
    assert (bad(but("clock.offset", offset)) == []) is passes


def test_a_clock_tells_which_way_it_is_off() -> None:
    assert bad(but("clock", {"server": "ntp", "offset": -2.0}))[0][2] == "2.000 s ahead of ntp"
    assert bad(but("clock", {"server": "ntp", "offset": 2.0}))[0][2] == "2.000 s behind ntp"


def test_no_answer_of_a_time_server_is_a_warning() -> None:
    assert bad(but("clock", {"problem": "ntp: timed out"})) == [("warning", "clock", "not compared: ntp: timed out")]


def test_little_free_space_fails_for_each_directory() -> None:
    assert bad(but("free", {"/": 10**10, "/var": 3_900_000_000})) == [("failure", "free space of /var", "3.9 GB")]


def test_a_busy_or_full_member_of_the_mesh_is_told_but_stops_no_change_elsewhere() -> None:
    busy = but("addresses.mesh0", ["10.88.0.1/32"])
    busy = {**busy, "free": {"/": 10**9}, "latency": {"median": 20.0, "p99": 900.0}}
    assert [(level, check) for level, check, _ in bad(busy)] == [("warning", "free space of /"), ("warning", "synchronous write")]


@pytest.mark.parametrize(("p99", "level"), [(50.0, None), (51.0, "warning"), (500.0, "warning"), (501.0, "failure")])
def test_slow_synchronous_writes_are_told_and_very_slow_ones_fail(p99: float, level: str | None) -> None:
    assert [found[0] for found in bad(but("latency.p99", p99))] == ([level] if level else [])


@pytest.mark.parametrize("feature", ["tun", "nf_tables", "overlay", "vxlan"])
def test_each_missing_kernel_feature_fails(feature: str) -> None:
    [(level, check, found)] = bad(but(f"features.{feature}", False))
    assert (level, check) == ("failure", "kernel")
    assert feature in found


def test_a_bridge_does_for_a_missing_dummy_device() -> None:
    assert bad(but("features.dummy", False)) == []
    neither = but("features.dummy", False)
    neither["features"]["bridge"] = False
    assert bad(neither) == [("failure", "kernel", "no dummy or bridge (the mesh device)")]


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("ufw", "ufw disable"),
        ("firewalld", "systemctl disable --now firewalld"),
        ("nft inet filter input", "nft list chain inet filter input"),
    ],
)
def test_a_foreign_firewall_fails_with_how_to_switch_it_off(name: str, command: str) -> None:
    [finding] = [finding for finding in judge(PLAN, but("firewalls", [name])) if finding.level == "failure"]
    assert finding.check == "firewall"
    assert command in finding.remedy


def test_a_service_on_a_port_of_the_programs_fails() -> None:
    listener = {"protocol": "tcp", "address": "0.0.0.0", "port": 80, "process": "apache2"}
    assert bad(but("listeners", [listener])) == [("failure", "port 80/tcp", "apache2 listens on it")]


def test_the_programs_own_services_are_expected_once_the_mesh_device_is_there() -> None:
    facts = but("listeners", [{"protocol": "udp", "address": "0.0.0.0", "port": 655, "process": "tincd"}])
    assert bad(facts) == [("failure", "port 655/udp", "tincd listens on it")]
    facts["addresses"]["mesh0"] = ["10.88.0.1/32"]
    assert bad(facts) == []


def test_a_stranger_on_a_port_fails_even_on_a_machine_of_the_mesh() -> None:
    facts = but("listeners", [{"protocol": "tcp", "address": "*", "port": 6443, "process": None}])
    facts["addresses"]["mesh0"] = ["10.88.0.1/32"]
    assert bad(facts) == [("failure", "port 6443/tcp", "an unknown process listens on it")]


def test_the_mesh_address_on_another_device_fails() -> None:
    facts = deepcopy(GOOD)
    facts["addresses"]["wg0"] = ["10.88.0.1/24"]
    assert bad(facts) == [("failure", "mesh address", "10.88.0.1 is on wg0")]


@pytest.mark.parametrize("address", ["192.168.1.11/24", "192.168.1.10/16"])
def test_another_lan_address_or_prefix_than_claimed_fails(address: str) -> None:
    assert bad(but("addresses.eno1", [address])) == [("failure", "LAN address", address)]


def test_without_root_the_remedy_is_about_sudo() -> None:
    assert bad(but("root", False)) == [("failure", "sudo", "not root")]


def test_a_probe_that_failed_is_a_failure_and_hides_nothing_else() -> None:
    facts = but("problems", {"disks": "OSError: no"})
    del facts["disks"]
    assert bad(facts) == [("failure", "disks", "could not be found out: OSError: no")]


def test_no_answer_is_a_failure_with_its_reason() -> None:
    assert unreachable("absis", "connection refused").level == "failure"
    assert unreachable("absis", "connection refused").found == "connection refused"


def test_an_expectation_survives_json() -> None:
    said = {
        "name": "leviathan",
        "rented": False,
        "cpus": 8,
        "memory": 32 * 1024**3,
        "disks": [{"id": "ata-one", "serial": "WD-1", "size": 4 * 1000**4}],
        "mesh_address": "10.88.0.1",
        "lan_address": "192.168.1.10/24",
        "host_names": ["leviathan", "absis", "nimbus"],
    }
    assert Expectation.from_json(said) == PLAN
    assert Expectation.from_json({**said, "runner": {"python": [3, 11], "room": 2 * 10**9}}) == RUNNER


def other(**changes: Any) -> dict[str, Any]:
    """Facts of a second, different machine."""
    return {**deepcopy(GOOD), "host": "absis", "machineId": "b" * 32, "disks": [], **changes}


def told(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(finding.machine, finding.check, finding.level) for finding in findings]


def test_two_different_machines_have_nothing_in_common() -> None:
    assert across({"leviathan": GOOD, "absis": other()}) == []


def test_one_machine_under_two_names_fails() -> None:
    assert told(across({"leviathan": GOOD, "absis": other(machineId="a" * 32)})) == [("absis and leviathan", "machine id", "failure")]


def test_one_disk_in_two_machines_fails() -> None:
    found = across({"leviathan": GOOD, "absis": other(disks=[GOOD["disks"][1]])})
    assert told(found) == [("absis and leviathan", "disk serial", "failure")]


def test_machines_of_one_host_name_are_a_warning() -> None:
    found = across({"leviathan": GOOD, "absis": other(host="leviathan")})
    assert told(found) == [("absis and leviathan", "host name", "warning")]
