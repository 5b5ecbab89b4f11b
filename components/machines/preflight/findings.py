"""What the preflight speaks of: what the plan expects, what a machine is, what was found. Standard library only.

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

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Facts = Mapping[str, Any]
Level = Literal["ok", "warning", "failure"]


@dataclass(frozen=True)
class Disk:
    """A disk of the plan; size in bytes."""

    id: str
    serial: str
    size: int


@dataclass(frozen=True)
class Runner:
    """What it takes to run Kubespray: the oldest Python, and bytes below /var."""

    python: tuple[int, int]
    room: int


@dataclass(frozen=True)
class Expectation:
    """What the plan says of a machine. memory: bytes; lan_address with prefix; host_names: of all machines of the plan; runner: on the
    machine that runs Kubespray."""

    name: str
    rented: bool
    cpus: int | None
    memory: int | None
    disks: tuple[Disk, ...]
    mesh_address: str
    lan_address: str | None
    host_names: tuple[str, ...]
    runner: Runner | None = None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Expectation:
        """From the JSON form of its fields."""
        disks, said = tuple(Disk(**disk) for disk in values["disks"]), values.get("runner")
        runner = Runner(python=(said["python"][0], said["python"][1]), room=said["room"]) if said else None
        return cls(**{**values, "disks": disks, "host_names": tuple(values["host_names"]), "runner": runner})


@dataclass(frozen=True)
class Finding:
    """One check's outcome; only failures stop the run. remedy: what a person can do, "" when all is well."""

    machine: str
    check: str
    level: Level
    found: str
    wanted: str = ""
    remedy: str = ""


def finding(expectation: Expectation, check: str, right: bool, found: str, wanted: str, remedy: str) -> Finding:
    return Finding(expectation.name, check, "ok" if right else "failure", found, wanted, "" if right else remedy)


def size_text(number: int) -> str:
    """Decimal units, as disks are sold."""
    for unit, size in (("TB", 1000**4), ("GB", 1000**3), ("MB", 1000**2)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} bytes"
