"""How the runner speaks with the machines of the cluster: by SSH over the mesh, as root, with its own key and their pinned host keys."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from places import Places, put

MEMBER = "/usr/local/lib/homelab/kubernetes/member"


def options(places: Places) -> list[str]:
    """The options of `ssh` that Ansible gets, too: no configuration of anybody, no host key but the pinned ones."""
    said = {
        "BatchMode": "yes",
        "ConnectTimeout": "10",
        "GlobalKnownHostsFile": "/dev/null",
        "IdentitiesOnly": "yes",
        "LogLevel": "ERROR",
        "ServerAliveCountMax": "4",
        "ServerAliveInterval": "10",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(places.known_hosts),
    }
    return ["-F", "none", *(part for name, value in said.items() for part in ("-o", f"{name}={value}"))]


class Members:
    """`hosts`: name -> {"address", "port", "key"}."""

    def __init__(self, places: Places, hosts: Mapping[str, Mapping[str, Any]]) -> None:
        self._places, self._hosts = places, hosts

    def pin(self) -> None:
        """Write down the host keys of all of them, and of no other."""
        known = [f"{at} {host['key']}" for host in self._hosts.values() for at in _at(host["address"], int(host["port"]))]
        put(self._places.known_hosts, "\n".join(known) + "\n")

    def ask(self, name: str, *argv: str, stdin: str = "", deadline: float = 45) -> subprocess.CompletedProcess[str]:
        """`member` there. Status 255 and 124 mean that it did not answer."""
        host = self._hosts[name]
        command = ["ssh", *options(self._places), "-i", str(self._places.key), "-p", str(host["port"]), f"root@{host['address']}"]
        try:
            return subprocess.run([*command, MEMBER, *argv], input=stdin, capture_output=True, text=True, timeout=deadline, check=False)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, "", f"no answer within {deadline:.0f} s")

    def ask_all(self, names: Iterable[str], *argv: str, stdin: str = "") -> dict[str, subprocess.CompletedProcess[str]]:
        """All at once."""
        wanted = [*names]
        with ThreadPoolExecutor(max_workers=16) as pool:
            return dict(zip(wanted, pool.map(lambda name: self.ask(name, *argv, stdin=stdin), wanted), strict=True))

    def read(self) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
        """(what those that answer say of themselves, why the others do not answer)."""
        answers, silent = {}, {}
        for name, ended in self.ask_all(self._hosts, "read").items():
            if ended.returncode:
                silent[name] = (ended.stderr.strip().splitlines() or [f"exit status {ended.returncode}"])[-1]
            else:
                answers[name] = json.loads(ended.stdout)
        return answers, silent

    def record(self, names: Iterable[str], applied: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, str]:
        """Write down on these machines what is applied; name -> why it could not be."""
        text = json.dumps({"applied": applied, "kept": kept})
        ended = self.ask_all(names, "write", stdin=text)
        return {name: one.stderr.strip()[-200:] or f"status {one.returncode}" for name, one in ended.items() if one.returncode}


def newest(answers: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The answer with the record of the last run; None where nothing was ever applied. Runs are counted: clocks may be wrong."""
    known = [said for said in answers.values() if said.get("applied")]
    return max(known, key=lambda said: (said["applied"].get("run", 0), said["applied"].get("when", "")), default=None)


def _at(address: str, port: int) -> list[str]:
    return [address] if port == 22 else [f"[{address}]:{port}"]
