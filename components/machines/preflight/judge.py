"""Preflight: what was found on the machines against what the plan says. Pure, standard library only, runs under any Python 3.9+.

The facts of a machine, as `scripts/facts` prints them (a probe that failed is missing and told under `problems`):

    {"os": {"id": "debian", "version": "12", "name": …}, "kernel": …, "architecture": …, "virtualization": …, "host": "leviathan",
     "machineId": …, "root": true, "uptime": seconds, "cpus": 8, "memory": {"total": bytes, "swap": bytes},
     "python": {"version": "3.11.2", "missing": ["ssl"]},
     "addresses": {"eth0": ["192.168.1.10/24"]},
     "disks": [{"path": "/dev/sdb", "ids": ["ata-…"], "serial": … or null, "size": bytes, "removable": false, "root": false,
                "mounts": ["/data"], "holds": ["ext4", "gpt partitions"]}],
     "free": {"/": bytes, "/var": bytes}, "latency": {"median": ms, "p99": ms},
     "features": {"tun": …, "nf_tables": …, "overlay": …, "vxlan": …, "dummy": …, "bridge": …},
     "firewalls": ["ufw"], "listeners": [{"protocol": "tcp", "address": "0.0.0.0", "port": 655, "process": "tincd" or null}],
     "clock": {"server": …, "offset": seconds} or {"problem": …}, "problems": {"disks": "OSError: …"}}
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Facts = Mapping[str, Any]
Level = Literal["ok", "warning", "failure"]

SYSTEMS = {"debian": ("12", "13"), "ubuntu": ("22.04", "24.04")}
MEMORY_SHARE = 0.9  # of what the plan says; a kernel keeps some for itself
DISK_TOLERANCE = 0.02
CLOCK_LIMIT = 0.5  # seconds
FREE_LIMIT = 4 * 1000**3  # bytes
SYNC_WARNING, SYNC_LIMIT = 50.0, 500.0  # milliseconds, 99th percentile; etcd wants 10
HOST_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
# Whose ports these are once the program has run.
OURS = {655: "tincd", 80: "nginx", 443: "nginx", 6443: "kube-apiserver", 2379: "etcd", 2380: "etcd", 10250: "kubelet"}
OURS = {**OURS, 3300: "ceph-mon", 6789: "ceph-mon"}
FEATURES = {"tun": "Tinc's tunnel", "nf_tables": "the host firewall", "overlay": "containers", "vxlan": "the pod network"}
MESH_DEVICE = "mesh0"


@dataclass(frozen=True)
class Disk:
    """A disk of the plan; size in bytes."""

    id: str
    serial: str
    size: int


@dataclass(frozen=True)
class Expectation:
    """What the plan says of a machine. memory: bytes; lan_address with prefix; host_names: of all machines of the plan."""

    name: str
    rented: bool
    cpus: int | None
    memory: int | None
    disks: tuple[Disk, ...]
    mesh_address: str
    lan_address: str | None
    host_names: tuple[str, ...]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Expectation:
        """From the JSON form of its fields."""
        disks = tuple(Disk(**disk) for disk in values["disks"])
        return cls(**{**values, "disks": disks, "host_names": tuple(values["host_names"])})


@dataclass(frozen=True)
class Finding:
    """One check's outcome; only failures stop the run. remedy: what a person can do, "" when all is well."""

    machine: str
    check: str
    level: Level
    found: str
    wanted: str = ""
    remedy: str = ""


def unreachable(name: str, reason: str) -> Finding:
    """The finding about a machine whose facts could not be had."""
    return Finding(
        name, "contact", "failure", reason, "an answer over SSH", "See that it runs, and that address, user and host key are right."
    )


def judge(expectation: Expectation, facts: Facts) -> list[Finding]:
    """Every check of one machine, in a fixed order, the good ones too."""
    return [
        *_probes(expectation, facts),
        *_system(expectation, facts),
        *_size(expectation, facts),
        *_disks(expectation, facts),
        *_host(expectation, facts),
        *_clock(expectation, facts),
        *_storage(expectation, facts),
        *_kernel(expectation, facts),
        *_network(expectation, facts),
    ]


def across(facts: Mapping[str, Facts]) -> list[Finding]:
    """What only shows when all machines (name -> facts) are seen together."""
    return [
        *_shared(
            facts,
            "machine id",
            _machine_ids,
            "Two names lead to one machine, or one is a clone: give each its own (systemd-machine-id-setup).",
        ),
        *_shared(
            facts, "disk serial", _serials, "One disk cannot be in two machines: correct the configuration, or the virtual disk's serial."
        ),
        *_shared(facts, "host name", _host_names, "The base system gives each machine its name of the plan.", "warning"),
    ]


def _probes(expectation: Expectation, facts: Facts) -> Iterable[Finding]:
    if not facts.get("root", True):
        yield Finding(expectation.name, "sudo", "failure", "not root", "root by sudo", "Allow the SSH user to use sudo without a password.")
    for probe, problem in sorted(facts.get("problems", {}).items()):
        remedy = "Run the facts script on the machine by hand, as root, to see why."
        yield Finding(expectation.name, probe, "failure", f"could not be found out: {problem}", "", remedy)


def _system(expectation: Expectation, facts: Facts) -> Iterable[Finding]:
    wanted = "Debian 12 or 13, Ubuntu 22.04 or 24.04"
    if "os" in facts:
        system = facts["os"]
        right = system["version"] in SYSTEMS.get(system["id"], ())
        name = system.get("name") or f"{system['id']} {system['version']}"
        yield _finding(expectation, "system", right, name, wanted, "Install one of these.")
    if "python" in facts:
        missing = facts["python"]["missing"]
        text = f"{facts['python']['version']} without {', '.join(missing)}" if missing else facts["python"]["version"]
        yield _finding(
            expectation, "Python", not missing, text, "the full standard library", "apt-get install python3 (not python3-minimal)."
        )


def _size(expectation: Expectation, facts: Facts) -> Iterable[Finding]:
    remedy = "Correct the configuration: memory and roles are shared out by it."
    if expectation.cpus is not None and "cpus" in facts:
        found = facts["cpus"]
        yield _finding(expectation, "CPUs", found >= expectation.cpus, str(found), f"at least {expectation.cpus}", remedy)
    if expectation.memory is not None and "memory" in facts:
        found = facts["memory"]["total"]
        enough = found >= MEMORY_SHARE * expectation.memory
        yield _finding(expectation, "memory", enough, _bytes(found), f"about {_bytes(expectation.memory)}", remedy)


def _disks(expectation: Expectation, facts: Facts) -> Iterable[Finding]:
    present = facts.get("disks")
    if present is None:
        return
    for wanted in expectation.disks:
        match = next((disk for disk in present if wanted.id in disk["ids"]), None)
        yield from _missing_disk(expectation, wanted, present) if match is None else _disk(expectation, wanted, match)


def _missing_disk(expectation: Expectation, wanted: Disk, present: list[dict[str, Any]]) -> Iterable[Finding]:
    same = [disk["path"] for disk in present if disk["serial"] == wanted.serial]
    found = f"no such disk; its serial is at {same[0]}" if same else "no such disk"
    remedy = f"Plug it in, or correct the configuration (make discover HOST=… shows the disks of {expectation.name})."
    yield Finding(expectation.name, f"disk {wanted.id}", "failure", found, f"serial {wanted.serial}, {_bytes(wanted.size)}", remedy)


def _disk(expectation: Expectation, wanted: Disk, disk: dict[str, Any]) -> Iterable[Finding]:
    check = f"disk {wanted.id}"
    right_size = abs(disk["size"] - wanted.size) <= DISK_TOLERANCE * wanted.size
    problems = [
        (disk["serial"] is not None and disk["serial"] != wanted.serial, f"serial {disk['serial']}", f"serial {wanted.serial}"),
        (not right_size, _bytes(disk["size"]), _bytes(wanted.size)),
        (disk["root"], "the system is on it", "a disk of its own"),
        (bool(disk["mounts"]) and not disk["root"], f"mounted on {', '.join(disk['mounts'])}", "not in use"),
    ]
    failures = [(found, hoped) for wrong, found, hoped in problems if wrong]
    for found, hoped in failures:
        remedy = "Correct the configuration; the program never touches a disk that is not what it says."
        yield Finding(expectation.name, check, "failure", found, hoped, remedy)
    foreign = [text for text in disk["holds"] if not text.startswith("ceph")]
    if foreign and not failures:
        remedy = f"It will not be touched while it holds this. To give it up for good: wipefs -a {disk['path']}"
        yield Finding(expectation.name, check, "warning", f"holds {', '.join(foreign)}", "empty", remedy)
    if disk["serial"] is None:
        yield Finding(
            expectation.name, check, "warning", "its serial cannot be read", wanted.serial, "Compare it with the label on the disk."
        )
    if not failures and not foreign:
        yield Finding(expectation.name, check, "ok", f"{disk['path']}, {_bytes(disk['size'])}")


def _host(expectation: Expectation, facts: Facts) -> Iterable[Finding]:
    """The name may differ from the plan's (the base system sets it), but not be the name of another machine of the plan."""
    if "host" not in facts:
        return
    host = facts["host"].partition(".")[0]
    if host != expectation.name and host in expectation.host_names:
        remedy = f"Is this address {host}'s? Correct the configuration, or rename the machine (hostnamectl hostname {expectation.name})."
        yield Finding(expectation.name, "host name", "failure", host, expectation.name, remedy)
        return
    valid = HOST_NAME.fullmatch(host) is not None
    remedy = f"hostnamectl hostname {expectation.name}"
    yield _finding(expectation, "host name", valid, host, "lower-case letters, digits and inner hyphens", remedy)


def _clock(expectation: Expectation, facts: Facts) -> Iterable[Finding]:
    if "clock" not in facts:
        return
    if "offset" not in facts["clock"]:
        remedy = "See that UDP 123 is let out, or name other time servers (homelab:names)."
        yield Finding(
            expectation.name, "clock", "warning", f"not compared: {facts['clock']['problem']}", "an answer of a time server", remedy
        )
        return
    offset = facts["clock"]["offset"]
    text = f"{abs(offset):.3f} s {'behind' if offset > 0 else 'ahead of'} {facts['clock']['server']}"
    remedy = "Set it (timedatectl set-ntp true, or by hand): certificates and Ceph's monitors need it right from the start."
    yield _finding(expectation, "clock", abs(offset) <= CLOCK_LIMIT, text, f"within {CLOCK_LIMIT} s", remedy)


def _storage(expectation: Expectation, facts: Facts) -> Iterable[Finding]:
    for path, left in sorted(facts.get("free", {}).items()):
        yield _finding(
            expectation, f"free space of {path}", left >= FREE_LIMIT, _bytes(left), f"at least {_bytes(FREE_LIMIT)}", "Make room there."
        )
    if "latency" in facts:
        p99 = facts["latency"]["p99"]
        level: Level = "failure" if p99 > SYNC_LIMIT else "warning" if p99 > SYNC_WARNING else "ok"
        text = f"{facts['latency']['median']:.1f} ms, 99th percentile {p99:.1f} ms"
        remedy = "etcd wants below 10 ms: use an SSD for the system, and see that nothing else keeps it busy."
        yield Finding(expectation.name, "synchronous write", level, text, f"at most {SYNC_WARNING:.0f} ms", remedy if level != "ok" else "")


def _kernel(expectation: Expectation, facts: Facts) -> Iterable[Finding]:
    if "features" not in facts:
        return
    features = facts["features"]
    missing = [f"{name} ({use})" for name, use in FEATURES.items() if not features[name]]
    if not features["dummy"] and not features["bridge"]:
        missing.append("dummy or bridge (the mesh device)")
    remedy = "Use the distribution's standard kernel (a container's host must lend these)."
    yield _finding(
        expectation, "kernel", not missing, f"no {', no '.join(missing)}" if missing else facts.get("kernel", "?"), "all features", remedy
    )


def _network(expectation: Expectation, facts: Facts) -> Iterable[Finding]:
    for firewall in facts.get("firewalls", ()):
        remedy = f"Switch it off ({_off(firewall)}): the program brings its own host firewall."
        yield Finding(expectation.name, "firewall", "failure", f"{firewall} is active", "none but the program's own", remedy)
    addresses = facts.get("addresses")
    if addresses is not None:
        yield from _addresses(expectation, addresses)
    settled = MESH_DEVICE in (addresses or {})
    for found in facts.get("listeners", ()):
        if not (settled and found["process"] in (OURS.get(found["port"]), "systemd")):
            who = found["process"] or "an unknown process"
            remedy = f"Stop and disable {who}: the port is the program's."
            yield Finding(expectation.name, f"port {found['port']}/{found['protocol']}", "failure", f"{who} listens on it", "free", remedy)


def _addresses(expectation: Expectation, addresses: Mapping[str, list[str]]) -> Iterable[Finding]:
    for device, values in sorted(addresses.items()):
        if device != MESH_DEVICE and expectation.mesh_address in [value.partition("/")[0] for value in values]:
            remedy = "Take it away there, or give the mesh another network."
            yield Finding(expectation.name, "mesh address", "failure", f"{expectation.mesh_address} is on {device}", "unused", remedy)
    if expectation.lan_address is not None:
        here = [value for device, values in sorted(addresses.items()) if device != "lo" for value in values]
        right = expectation.lan_address in here
        text = expectation.lan_address if right else ", ".join(here) or "no address"
        yield _finding(
            expectation, "LAN address", right, text, expectation.lan_address, "Correct the configuration, or the machine's address."
        )


def _shared(facts: Mapping[str, Facts], check: str, values: Any, remedy: str, level: Level = "failure") -> Iterable[Finding]:
    owners: dict[str, list[str]] = {}
    for name in sorted(facts):
        for value in sorted(set(values(facts[name]))):
            owners.setdefault(value, []).append(name)
    for value, names in sorted(owners.items()):
        if len(names) > 1:
            yield Finding(" and ".join(names), check, level, f"both {value}", "one each", remedy)


def _machine_ids(facts: Facts) -> list[str]:
    return [facts["machineId"]] if facts.get("machineId") else []


def _serials(facts: Facts) -> list[str]:
    return [disk["serial"] for disk in facts.get("disks", ()) if disk["serial"] and disk["ids"]]


def _host_names(facts: Facts) -> list[str]:
    return [facts["host"]] if facts.get("host") else []


def _finding(expectation: Expectation, check: str, right: bool, found: str, wanted: str, remedy: str) -> Finding:
    return Finding(expectation.name, check, "ok" if right else "failure", found, wanted, "" if right else remedy)


def _off(firewall: str) -> str:
    if firewall.startswith("nft "):
        return "find what loads it: nft list chain " + firewall[4:]
    return "ufw disable" if firewall == "ufw" else f"systemctl disable --now {firewall}"


def _bytes(number: int) -> str:
    """Decimal units, as disks are sold."""
    for unit, size in (("TB", 1000**4), ("GB", 1000**3), ("MB", 1000**2)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} bytes"
