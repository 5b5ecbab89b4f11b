"""etcd as Kubespray leaves it: its settings in /etc/etcd.env, its data, its snapshots."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit import Problem, sh

SETTINGS = Path("/etc/etcd.env")
SNAPSHOT = re.compile(r"etcd-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\.db")
BLOCK, SUM = 512, 32
"""A snapshot is a database of whole blocks, then its SHA-256."""

BUMP = 1_000_000_000
"""How far the restored revision is moved on: whoever has watched the old one then sees that theirs is gone, and reads anew."""


def settings(text: str) -> dict[str, str]:
    """Of etcd.env: NAME=VALUE lines, quoted or not."""
    found = (re.match(r"^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)=(.*)$", line) for line in text.splitlines())
    return {one[1]: one[2].strip().strip("\"'") for one in found if one}


def here() -> dict[str, str]:
    """This member's. A Problem where there is none."""
    if not SETTINGS.exists():
        raise Problem("this machine is no member of etcd: there is no /etc/etcd.env")
    said = settings(SETTINGS.read_text())
    if not said.get("ETCD_NAME") or not said.get("ETCD_INITIAL_ADVERTISE_PEER_URLS"):
        raise Problem(f"{SETTINGS} does not say ETCD_NAME and ETCD_INITIAL_ADVERTISE_PEER_URLS")
    return said


def environment(said: Mapping[str, str]) -> dict[str, str]:
    """In which etcdctl runs: the member on this machine, by its certificates."""
    return {**os.environ, **{name: value for name, value in said.items() if name.startswith("ETCDCTL_")}, "ETCDCTL_API": "3"}


def offline() -> str:
    """The program that reads a snapshot file: etcdutl, or etcdctl before 3.6."""
    return "etcdutl" if shutil.which("etcdutl") else "etcdctl"


def whole(path: Path) -> bool:
    """Whether a snapshot's content has the checksum that etcd has put at its end; `snapshot status` does not look at it (tried)."""
    content, checksum = path.stat().st_size - SUM, hashlib.sha256()
    if content <= 0 or content % BLOCK:
        return False
    with path.open("rb") as file:
        while content:
            block = file.read(min(content, 1 << 20))
            checksum.update(block)
            content -= len(block)
        return file.read() == checksum.digest()


def examined(path: Path) -> dict[str, Any]:
    """{"hash", "revision", "totalKey", "totalSize"} of a snapshot. A Problem when it is damaged, or empty."""
    if not whole(path):
        raise Problem(f"{path} is damaged: its checksum is not that of its content")
    done = sh(offline(), "snapshot", "status", path, "--write-out=json", check=False)
    if done.returncode:
        raise Problem(f"{path} is no whole snapshot: {done.stderr.strip()[-500:]}")
    said = dict(json.loads(done.stdout))
    if not said.get("totalKey"):
        raise Problem(f"{path} has nothing in it")
    return said


def restored(snapshot: Path, said: Mapping[str, str], cluster: str, token: str, into: Path) -> list[str]:
    """The command that makes a member's data out of a snapshot. `cluster`: NAME=PEER-URL,… of all members."""
    program = offline()
    options = [f"--name={said['ETCD_NAME']}", f"--initial-advertise-peer-urls={said['ETCD_INITIAL_ADVERTISE_PEER_URLS']}"]
    options += [f"--initial-cluster={cluster}", f"--initial-cluster-token={token}", f"--data-dir={into}"]
    if "--bump-revision" in sh(program, "snapshot", "restore", "--help", check=False).stdout:
        options += [f"--bump-revision={BUMP}", "--mark-compacted"]
    return [program, "snapshot", "restore", str(snapshot), *options]
