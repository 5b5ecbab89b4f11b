"""Preflight: what was found on the machines against what the plan says. Pure, standard library only.

`findings.py` has the shapes: facts, expectations, findings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from components.machines.preflight.disks import disks
from components.machines.preflight.findings import Disk, Expectation, Facts, Finding, Level, Runner, finding, size_text

__all__ = ["Disk", "Expectation", "Facts", "Finding", "Runner", "across", "judge", "unreachable"]

SYSTEMS = {"debian": ("12", "13"), "ubuntu": ("22.04", "24.04")}
MEMORY_SHARE = 0.9  # of what the plan says; a kernel keeps some for itself
CLOCK_LIMIT = 0.5  # seconds
FREE_LIMIT = 4 * 1000**3  # bytes
SYNC_WARNING, SYNC_LIMIT = 50.0, 500.0  # milliseconds, 99th percentile; etcd wants 10
HOST_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
# Whose ports these are once the program has run.
OURS = {655: "tincd", 80: "nginx", 443: "nginx"}
OURS |= {6443: "kube-apiserver", 2379: "etcd", 2380: "etcd", 10250: "kubelet"}
OURS |= {3300: "ceph-mon", 6789: "ceph-mon"}
FEATURES = {"tun": "Tinc's tunnel", "nf_tables": "the host firewall", "overlay": "containers", "vxlan": "the pod network"}
MESH_DEVICE = "mesh0"


def unreachable(name: str, reason: str) -> Finding:
    """The finding about a machine whose facts could not be had."""
    remedy = "See that it runs, and that address, user and host key are right."
    return Finding(name, "contact", "failure", reason, "an answer over SSH", remedy)


def judge(expectation: Expectation, facts: Facts) -> list[Finding]:
    """Every check of one machine, in a fixed order, the good ones too."""
    return [
        *_probes(expectation, facts),
        *_system(expectation, facts),
        *_size(expectation, facts),
        *disks(expectation, facts),
        *_host(expectation, facts),
        *_clock(expectation, facts),
        *_storage(expectation, facts),
        *_kernel(expectation, facts),
        *_network(expectation, facts),
    ]


def across(facts: Mapping[str, Facts]) -> list[Finding]:
    """What only shows when all machines (name -> facts) are seen together."""
    clone = "Two names lead to one machine, or one is a clone: give each its own (systemd-machine-id-setup)."
    twice = "One disk cannot be in two machines: correct the configuration, or the virtual disk's serial."
    same_name = "No need to do anything: the base system gives each machine its name of the plan."
    return [
        *_shared(facts, "machine id", _machine_ids, clone),
        *_shared(facts, "disk serial", _serials, twice),
        *_shared(facts, "host name", _host_names, same_name, "warning"),
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
        yield finding(expectation, "system", right, name, wanted, "Install one of these.")
    if "python" in facts:
        missing = facts["python"]["missing"]
        text = f"{facts['python']['version']} without {', '.join(missing)}" if missing else facts["python"]["version"]
        yield finding(
            expectation, "Python", not missing, text, "the full standard library", "apt-get install python3 (not python3-minimal)."
        )
        yield from _runner(expectation, facts["python"]["version"])


def _runner(expectation: Expectation, version: str) -> Iterable[Finding]:
    """Ansible's environment is made with the system's own Python."""
    if expectation.runner:
        oldest, here = expectation.runner.python, tuple(map(int, re.findall(r"\d+", version)[:2]))
        wanted = f"{'.'.join(map(str, oldest))} or newer, to run Kubespray"
        remedy = "Install a newer system, or let another machine run it: homelab:kubernetes.runner."
        yield finding(expectation, "runner", here >= oldest, f"Python {version}", wanted, remedy)


def _size(expectation: Expectation, facts: Facts) -> Iterable[Finding]:
    remedy = "Correct the configuration: memory and roles are shared out by it."
    if expectation.cpus is not None and "cpus" in facts:
        found = facts["cpus"]
        yield finding(expectation, "CPUs", found >= expectation.cpus, str(found), f"at least {expectation.cpus}", remedy)
    if expectation.memory is not None and "memory" in facts:
        found = facts["memory"]["total"]
        enough = found >= MEMORY_SHARE * expectation.memory
        yield finding(expectation, "memory", enough, size_text(found), f"about {size_text(expectation.memory)}", remedy)


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
    yield finding(expectation, "host name", valid, host, "lower-case letters, digits and inner hyphens", remedy)


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
    yield finding(expectation, "clock", abs(offset) <= CLOCK_LIMIT, text, f"within {CLOCK_LIMIT} s", remedy)


def _storage(expectation: Expectation, facts: Facts) -> Iterable[Finding]:
    # A machine that is a member already may be busy or full: that is worth a word, but no reason to stop a change elsewhere.
    settled = MESH_DEVICE in facts.get("addresses", {})
    worst: Level = "warning" if settled else "failure"
    for path, left in sorted(facts.get("free", {}).items()):
        # A member may have the playbooks already, which is not seen from here: it has less to make room for.
        limit = FREE_LIMIT + (expectation.runner.room if expectation.runner and path == "/var" and not settled else 0)
        wanted = f"at least {size_text(limit)}" + (", as it runs Kubespray" if limit > FREE_LIMIT else "")
        level: Level = "ok" if left >= limit else worst
        remedy = "" if level == "ok" else "Make room there."
        yield Finding(expectation.name, f"free space of {path}", level, size_text(left), wanted, remedy)
    if "latency" in facts:
        p99 = facts["latency"]["p99"]
        level = worst if p99 > SYNC_LIMIT else "warning" if p99 > SYNC_WARNING else "ok"
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
    yield finding(
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
        yield finding(
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


def _off(firewall: str) -> str:
    if firewall.startswith("nft "):
        return "find what loads it: nft list chain " + firewall[4:]
    return "ufw disable" if firewall == "ufw" else f"systemctl disable --now {firewall}"
