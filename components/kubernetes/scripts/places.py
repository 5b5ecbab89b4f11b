"""Where things are on the runner and on the machines, and files replaced as a whole."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNIT = "homelab-kubespray"


@dataclass(frozen=True)
class Places:
    """Everything below one root, which is / but in tests."""

    root: Path

    @property
    def home(self) -> Path:
        """The runner's own: playbooks, Python environments, key pair, inventory. Root only."""
        return self.root / "var/lib/homelab/kubespray"

    @property
    def source(self) -> Path:
        """Says which playbooks and which Python environment are in use."""
        return self.home / "source.json"

    @property
    def key(self) -> Path:
        return self.home / "ssh/id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.home / "ssh/known_hosts"

    @property
    def run(self) -> Path:
        """The run that goes on, or the last one: task.json, state.json, progress."""
        return self.home / "run"

    @property
    def inventory(self) -> Path:
        return self.home / "inventory"

    @property
    def before(self) -> Path:
        """The inventory of machines that leave: the wanted one does not have them any more."""
        return self.home / "inventory-before"

    @property
    def durations(self) -> Path:
        return self.home / "durations.json"

    @property
    def logs(self) -> Path:
        return self.root / "var/log/homelab/kubespray"

    @property
    def record(self) -> Path:
        """On every machine of the cluster: what is applied. Nothing secret."""
        return self.root / "var/lib/homelab/kubernetes/applied.json"

    @property
    def kept(self) -> Path:
        """Beside it: what a lost runner must not take with it. Secret."""
        return self.record.with_name("kept.json")


def put(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file as a whole, never readable by more than `mode` says."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600)
    with beside.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())  # a record that a power cut empties would read as: nothing was ever installed
    beside.chmod(mode)
    beside.replace(path)


def put_json(path: Path, value: Any, mode: int = 0o600) -> None:
    """Names stay in their order: the first machine of a group is the one that the others follow."""
    put(path, json.dumps(value, indent=1) + "\n", mode)


def read_json(path: Path) -> Any:
    """None when there is none, or when a crash left half of one."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
