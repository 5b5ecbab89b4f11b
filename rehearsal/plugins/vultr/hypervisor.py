"""The few things an emulated cloud asks of the machines it runs on."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rehearsal.plugins.vultr.objects import FirewallRule

REPLACEMENT = "HOMELAB_REHEARSAL_HYPERVISOR"  # path of a Python file whose `hypervisor(root)` stands in for machines


@dataclass(frozen=True)
class Server:
    """What an instance needs to boot: addresses without prefix, keys as authorized_keys lines, user data as text."""

    name: str
    address: str
    address6: str | None
    user_data: str
    keys: tuple[str, ...]


class Hypervisor(Protocol):
    def start(self, server: Server) -> None:
        """Boot and return once it answers; raises with the reason when it does not."""

    def remove(self, name: str) -> None:
        """Power cut and wipe; a machine that is not there is no error."""

    def running(self, name: str) -> bool: ...

    def guard(self, name: str, rules: tuple[FirewallRule, ...] | None) -> None:
        """The edge firewall from now on; None = open, () = nothing comes in."""


def choose(root: Path) -> Hypervisor:
    """The rehearsal's machines, or the replacement that a test names."""
    replacement = os.environ.get(REPLACEMENT)
    if not replacement:
        from rehearsal.plugins.vultr.machines import Machines

        return Machines()
    spec = importlib.util.spec_from_file_location("replacement_hypervisor", replacement)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{REPLACEMENT}={replacement}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    chosen: Hypervisor = module.hypervisor(root)
    return chosen
