"""A machine's block of the configuration, as text, from its facts. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from config.identities import fingerprint
from config.size import Size

Facts = Mapping[str, Any]

READABLE_FIRST = ("ata-", "nvme-", "scsi-", "wwn-")  # model and serial in the name help the person who must find the disk
MARKETED = 0.005  # how far a size as sold may lie from the size in bytes
UNKNOWN = "CHANGE-ME"
INDENT = " " * 4  # below `config:` and `homelab:machines:`
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Account:
    """How the machine was reached. host_key: the ed25519 key that it showed."""

    user: str
    host: str
    port: int
    host_key: str


def block(account: Account, facts: Facts) -> str:
    """YAML to paste below `homelab:machines:` of a stack file."""
    name = facts.get("host", "").partition(".")[0].lower()
    checked = f"{fingerprint(account.host_key)} not verified: compare it with ssh-keygen -lf on the console"
    lines = [
        f"{name if NAME.fullmatch(name) else UNKNOWN}: # {_comment(facts['os']['name'])}, kernel {_comment(facts['kernel'])}",
        "  site: home",
        f"  lan: {lan_address(account.host, facts['addresses']) or UNKNOWN}",
        "  ssh:",
        f"    user: {_scalar(account.user)}",
        *([f"    port: {account.port}"] if account.port != 22 else []),
        f"    hostKey: {account.host_key} # {checked}",
        f"  cpus: {facts['cpus']}",
        f"  memory: {memory(facts['memory']['total'])}",
        *(f"  {line}" for line in disks(facts["disks"])),
    ]
    return "".join(f"{INDENT}{line}\n" for line in lines)


def lan_address(host: str, addresses: Mapping[str, Sequence[str]]) -> str | None:
    """The address with prefix that `host` is; where it is a name, the first one of a network card."""
    here = [value for device, values in addresses.items() if device not in ("lo", "mesh0") for value in values if ":" not in value]
    return next((value for value in here if value.partition("/")[0] == host), here[0] if here else None)


def memory(total: int) -> str:
    """The memory that is built in: the kernel keeps some of it for itself, so the next whole GiB."""
    return f"{-(-total // 1024**3)}GiB"


def disks(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines: the disks that could be the lab's: not the system's, not removable, and with a name that stays."""
    usable = [disk for disk in found if disk["ids"] and not disk["root"] and not disk["removable"]]
    if not usable:
        return ["disks: [] # none but the system's, or none with a name under /dev/disk/by-id"]
    return ["disks:", *(_disk(disk) for disk in sorted(usable, key=lambda disk: _best_id(disk["ids"])))]


def _disk(disk: Mapping[str, Any]) -> str:
    known = disk["serial"] is not None and re.fullmatch(r"[!-~]{1,64}", disk["serial"])
    serial = _scalar(disk["serial"]) if known else UNKNOWN
    remarks = [f"mounted on {path}" for path in disk["mounts"]] + [f"holds {text}" for text in disk["holds"]]
    remarks = ["IN USE: " + _comment(", ".join(remarks))] if remarks else []
    remarks += [] if known else ["read the serial from its label"]
    remark = f" # {'; '.join(remarks)}" if remarks else ""
    return f"  - {{id: {_scalar(_best_id(disk['ids']))}, serial: {serial}, size: {size_as_sold(disk['size'])}}}{remark}"


def _best_id(ids: Sequence[str]) -> str:
    def rank(name: str) -> tuple[int, str]:
        readable = [number for number, prefix in enumerate(READABLE_FIRST) if name.startswith(prefix) and not name.startswith("nvme-eui.")]
        return (readable[0] if readable else len(READABLE_FIRST), name)

    return min(ids, key=rank)


def size_as_sold(size: int) -> str:
    """The round size on the label, where there is one near; else the exact one."""
    for unit, factor in (("TB", 1000**4), ("GB", 1000**3)):
        for digits in (0, 1, 2):
            rounded = round(size / factor, digits)
            if size >= factor and abs(rounded * factor - size) <= MARKETED * size:
                return f"{rounded:g}{unit}"
    return str(Size(size))


def _scalar(text: str) -> str:
    """The text as a YAML scalar: plain where that reads back as the same text, else quoted."""
    plain = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+=@-]*", text) and yaml.safe_load(text) == text
    return text if plain else json.dumps(text)


def _comment(text: str) -> str:
    return " ".join(text.split())
