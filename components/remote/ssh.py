"""Plain `ssh` from the operator's computer to one machine, its host key pinned: for what runs here and not in the graph."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


@dataclass(frozen=True)
class Target:
    """How one machine is reached. `host_key` is one `ssh-ed25519 AAAA…` line; without `key_file` the SSH agent is asked."""

    name: str
    host: str
    port: int
    user: str
    host_key: str
    key_file: str | None = None

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Target:
        """From the JSON object that `document` gives; other keys are passed over."""
        return cls(said["name"], said["host"], int(said["port"]), said["user"], said["hostKey"], said.get("keyFile"))

    def document(self) -> dict[str, Any]:
        """This target as the JSON object that local steps read from standard input."""
        return {
            "name": self.name,
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "hostKey": self.host_key,
            "keyFile": self.key_file,
        }

    def __str__(self) -> str:
        return f"{self.name} ({self.user}@{self.host}:{self.port})"


def options(target: Target, known_hosts: Path) -> list[str]:
    """The `ssh` command line up to the remote command. A silent peer is noticed within 20 s; nothing is ever asked."""
    said = {
        "BatchMode": "yes",
        "ConnectTimeout": "5",
        "ServerAliveInterval": "5",
        "ServerAliveCountMax": "3",
        "StrictHostKeyChecking": "yes",
        "HostKeyAlias": target.name,
        "HostKeyAlgorithms": "ssh-ed25519",
        "UserKnownHostsFile": str(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "LogLevel": "ERROR",
    }
    # Without a key file the agent alone, as for the command provider: a key that only `ssh` finds would fail it later.
    key = ["-i", str(Path(target.key_file).expanduser()), "-o", "IdentitiesOnly=yes"] if target.key_file else ["-o", "IdentityFile=none"]
    # -F none: the command provider knows nothing of ~/.ssh/config, and both must reach the same machine.
    return [
        "ssh", "-F", "none", *key, "-p", str(target.port),
        *(part for name, value in said.items() for part in ("-o", f"{name}={value}")),
        f"{target.user}@{target.host}",
    ]  # fmt: skip


def run(target: Target, command: str, *, stdin: str = "", deadline: float = 60) -> subprocess.CompletedProcess[str]:
    """Run `command` there and give its result; `deadline` in seconds, over which the return code is 124 as with timeout(1)."""
    with TemporaryDirectory() as folder:
        argv = [*options(target, pin(target, Path(folder))), command]
        try:
            return subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=deadline, check=False)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(argv, 124, "", f"no answer within {deadline:.0f} s")


def interact(target: Target, command: str) -> int:
    """Run `command` there on this terminal and give its exit status."""
    with TemporaryDirectory() as folder:
        return subprocess.run([*options(target, pin(target, Path(folder))), command], check=False).returncode


def pin(target: Target, folder: Path) -> Path:
    """A known-hosts file that holds this target's key only."""
    path = folder / "known_hosts"
    path.write_text(f"{target.name} {target.host_key}\n")
    return path
