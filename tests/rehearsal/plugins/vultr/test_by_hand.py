"""The account from a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rehearsal.plugins.vultr.hypervisor import REPLACEMENT
from rehearsal.plugins.vultr.store import Store
from rehearsal.plugins.vultr.zones import Zones

PAPER = Path(__file__).with_name("paper.py")


def by_hand(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOMELAB_REHEARSAL": str(folder), REPLACEMENT: str(PAPER)}
    command = [sys.executable, "-m", "rehearsal.plugins.vultr", *arguments]
    return subprocess.run(command, env=environment, cwd=PAPER.parents[4], capture_output=True, text=True, timeout=60)


def test_an_empty_account_lists_nothing(tmp_path: Path) -> None:
    assert (by_hand(tmp_path, "list").returncode, by_hand(tmp_path, "list").stdout) == (0, "")


def test_the_names_of_the_account_are_listed_under_their_domain(tmp_path: Path) -> None:
    zones = Zones(Store(tmp_path / "vultr"))
    zones.create_domain("lab.org", "disabled")
    for name in ("www", ""):
        zones.create_record("lab.org", type="A", name=name, data="203.0.113.100", ttl=300, priority=0)
    listed = by_hand(tmp_path, "names").stdout.splitlines()
    assert [line.split() for line in listed] == [["lab.org"], ["@", "300", "A", "203.0.113.100"], ["www", "300", "A", "203.0.113.100"]]


def test_deleting_what_is_not_there_says_so(tmp_path: Path) -> None:
    done = by_hand(tmp_path, "delete", "5e1f")
    assert (done.returncode, done.stderr.strip()) == (1, '{"error":"instance not found","status":404}')


def test_by_itself_the_plug_in_says_who_starts_it(tmp_path: Path) -> None:
    done = by_hand(tmp_path)
    assert done.returncode != 0
    assert "is started by the Pulumi engine" in done.stderr
