"""Backups on the running rehearsal: how fast against plain Borg on the same files, what the mesh feels of it, how long a restore takes.

Both store the same machine, with the same sources, excludes, compression and encryption, onto the same file system; what plain Borg leaves
out is the manifest, Borgmatic, the lock between machines, and the copy of the manifest beside the archive.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import Any

from bench.engine import BenchError, rehearsed
from bench.home import Home, homes
from bench.result import Limit, Result, compare
from bench.whole import members
from components.plan import plan
from components.remote.toolbox import ROOT
from config.load import read
from rehearsal.machines import machine
from rehearsal.machines.shell import wait_until
from rehearsal.program import STACK

RUNS = 3
SIZE = 128
"""MiB that are new each time: random, so that nothing of it is compressed or known already."""

DEADLINE = 3600.0
NOISE, BACK = "/home/homelab-bench", "/root/homelab-bench"
PLAIN = f"{BACK}-plain"
"""Plain Borg's own cache and passphrase on the machine."""

PINGS = ("ping", "-n", "-q", "-i", "0.2", "-W", "2")
# What Borgmatic hands to Borg, read from its own configuration.
SAID = """
import json
said = json.loads(open("/etc/homelab/backup/borgmatic.yaml").read().partition("\\n")[2])
flat = {key: value for part in ([said] if "compression" in said else said.values()) for key, value in part.items()}
print("\\n".join([*(f"--exclude={one}" for one in flat["exclude_patterns"]), "ARCHIVE", *flat["source_directories"]]))
"""


def measure() -> Iterator[Result]:
    """Four results."""
    one, _ = homes()
    lab = plan(read(STACK))
    remote = next(iter(lab.backup.remote), None)
    if one.name not in lab.backup.keepers or remote is None:
        raise BenchError("the dev stack has no backups of a home machine and of one that comes by SSH")
    with cleared(one, f"{lab.backup.folder}/.homelab-bench") as repository:
        ours, plain = list[float](), list[float]()
        _ours(one)
        for number in range(RUNS + 1):
            turns = ((ours, _ours), (plain, lambda home: _plain(home, repository)))
            _noise(one)
            for rates, act in turns if number % 2 else reversed(turns):
                seconds = act(one)
                if number:  # the first has everything to store
                    rates.append(SIZE * 1.048576 / seconds)
        yield compare(f"{SIZE} MiB new on {one.name} stored, against plain Borg", ours, plain, "MB/s", Limit(0.5, least=True))
        yield _restore(one, repository)
    yield from _mesh(one, str(lab.backup.members[remote].address), remote)


def _noise(home: Home) -> None:
    home.run("sh", "-c", f"mkdir -p {NOISE} && head -c {SIZE << 20} /dev/urandom >{NOISE}/data && sync -f {NOISE}", deadline=DEADLINE)


def _timed(home: Home, *argv: str) -> float:
    begun = time.monotonic()
    home.run(*argv, deadline=DEADLINE)
    return time.monotonic() - begun


def _ours(home: Home) -> float:
    """Seconds of a backup as the timer's unit makes it, without that unit's low weight."""
    return _timed(home, f"{ROOT}/backup/run")


def _plain(home: Home, repository: str) -> float:
    """Seconds of the same by Borg alone."""
    said = f"$(sed 's#^ARCHIVE$#{repository}::{time.time_ns()}#' {PLAIN}/said)"  # options, archive, paths: Borg wants them in this order
    words = f"borg create --one-file-system --exclude-caches --exclude-if-present .nobackup --compression lz4 {said}"
    return _timed(home, "env", f"BORG_BASE_DIR={PLAIN}", "BORG_PASSPHRASE=worthless", "sh", "-c", words)


def _restore(home: Home, repository: str) -> Result:
    """Seconds a gigabyte, one folder, ours and by `borg extract`."""
    mine, theirs, share = [], [], SIZE * 1.048576 / 1000
    env = ("env", f"BORG_BASE_DIR={PLAIN}", "BORG_PASSPHRASE=worthless")
    extract = f"cd {BACK} && borg extract {repository}::$(borg list --last 1 --format '{{archive}}' {repository}) {NOISE.lstrip('/')}"
    for _ in range(RUNS):
        home.run("sh", "-c", f"rm -rf {BACK} && mkdir {BACK}")
        mine.append(_timed(home, f"{ROOT}/backup/restore-folder", "latest", NOISE, BACK) / share)
        theirs.append(_timed(home, *env, "sh", "-c", extract) / share)
    return compare("a folder restored, against plain Borg", mine, theirs, "s/GB", Limit(2))


def _mesh(home: Home, address: str, remote: str) -> Iterator[Result]:
    """The round trip over the mesh while the remote machine stores, against an idle one; and what it sends a second of what it may."""
    reported: Mapping[str, Mapping[str, Any]] = json.loads(rehearsed().run("stack", "output", "--json"))["machines"]
    there = Home(members(reported)[remote], "", address)
    there.run(f"{ROOT}/backup/now", deadline=DEADLINE)  # the whole system, so that the next stores what is new alone
    idle = _round_trips(home, address, 50)
    size = 64 << 20
    there.run("sh", "-c", f"mkdir -p {NOISE} && head -c {size} /dev/urandom >{NOISE}/data", deadline=DEADLINE)
    try:
        there.run("systemctl", "start", "--no-block", "homelab-backup.service")
        wait_until(lambda: _stores(there), 600, lambda: f"{remote} does not begin to store")
        busy = _round_trips(home, address, 25)
        wait_until(lambda: not _stores(there), DEADLINE, lambda: f"the backup of {remote} does not end")
    finally:
        there.run("rm", "-rf", NOISE)
    yield compare(f"round trip to {remote} while it stores, against idle", busy, idle, "ms", Limit(5))
    last = json.loads(there.run("cat", "/var/lib/homelab/backup/last.json"))
    allowed = int(plan(read(STACK)).backup.backup.limits.upload) / 1e6
    yield compare(
        f"what {remote} sends while it stores, against what it may", [last["added"] / 1e6 / last["seconds"]], [allowed], "MB/s", Limit(1.1)
    )


def _stores(home: Home) -> bool:
    return machine.run(home.name, ("pgrep", "-f", "borg create")).returncode == 0


def _round_trips(home: Home, address: str, number: int) -> list[float]:
    """Averages of five pings each."""
    found = []
    for _ in range(number // 5):
        said = home.run(*PINGS, "-c", "5", address)
        found.append(float(said.rpartition("= ")[2].split("/")[1]))
    return [median(found)]


@contextmanager
def cleared(home: Home, repository: str) -> Iterator[str]:
    """A repository for plain Borg, which goes in the end, with all else that the measure has left."""
    leave = f"rm -rf {NOISE} {BACK} {PLAIN} {repository}"
    home.run("sh", "-c", f"{leave}; mkdir -p {PLAIN}")
    try:
        home.run("sh", "-c", f"python3 -c '{SAID}' >{PLAIN}/said")
        home.run("env", f"BORG_BASE_DIR={PLAIN}", "BORG_PASSPHRASE=worthless", "borg", "init", "--encryption=repokey", repository)
        yield repository
    finally:
        home.run("sh", "-c", leave, deadline=DEADLINE)
