"""What `releases/why` picks out of the cluster's events about a release that failed."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.graph import ROOT

SCRIPT = ROOT / "components/releases/scripts/why"
Why = Callable[..., subprocess.CompletedProcess[str]]


def event(name: str = "plex-7d", message: str = "no such image", ago: float = 10, **other: Any) -> dict[str, Any]:
    when = datetime.fromtimestamp(time.time() - ago, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    about = {"kind": "Pod", "name": name}
    return {
        "metadata": {"creationTimestamp": when},
        "lastTimestamp": when,
        "involvedObject": about,
        "reason": "Failed",
        "message": message,
        **other,
    }


@pytest.fixture
def why(tmp_path: Path) -> Why:
    def ran(
        *events: dict[str, Any], status: int = 0, release: str = "plex", others: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        (tmp_path / "events.json").write_text(json.dumps({"items": events}))
        kubectl = tmp_path / "kubectl"
        kubectl.write_text(
            f"#!/bin/sh\n[ {status} = 0 ] || {{ echo 'connection refused' >&2; exit {status}; }}\ncat {tmp_path}/events.json\n"
        )
        kubectl.chmod(0o755)
        env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        line = [sys.executable, SCRIPT, "applications", release, "300", *others]
        return subprocess.run(line, capture_output=True, text=True, env=env, check=False)

    return ran


def test_what_was_said_of_the_release_s_own_objects_is_told(why: Why) -> None:
    said = why(event(), event("plex", "no node fits"), event("plexus-1", "of another"), event("notes-1", "of another")).stdout
    assert "Pod plex-7d: Failed: no such image" in said and "Pod plex: Failed: no node fits" in said and "another" not in said


def test_what_was_said_of_a_release_whose_name_goes_on_is_not(why: Why) -> None:
    events = event(), event("plex-two", "of two"), event("plex-two-7d", "of two"), event("plex-twofold", "its own")
    lines = why(*events, others=("plex-two",)).stdout.splitlines()
    assert lines == ["  Pod plex-7d: Failed: no such image", "  Pod plex-twofold: Failed: its own"]
    assert why(*events, release="plex-two", others=("plex",)).stdout == "  Pod plex-two-7d: Failed: of two\n"


def test_what_is_older_than_the_attempt_is_not(why: Why) -> None:
    assert why(event(ago=4000)).stdout == ""


def test_the_same_of_several_pods_is_told_once_and_how_often(why: Why) -> None:
    lines = why(event("plex-1", ago=50, count=2), event("plex-2", ago=20, count=5), event("plex-3", "other", ago=5)).stdout.splitlines()
    assert lines == ["  Pod plex-2: Failed: no such image (5 times)", "  Pod plex-3: Failed: other"]


def test_newer_events_keep_their_time_and_number_elsewhere(why: Why) -> None:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    newer = event(lastTimestamp=None, series={"count": 7, "lastObservedTime": now})
    assert why(newer).stdout == "  Pod plex-7d: Failed: no such image (7 times)\n"
    assert why(event(lastTimestamp=None, eventTime=now)).stdout == "  Pod plex-7d: Failed: no such image\n"


def test_only_the_last_few_are_told_each_short_and_on_one_line(why: Why) -> None:
    lines = why(*(event(message=f"number {number}\n" + "x" * 1000, ago=100 - number) for number in range(30))).stdout.splitlines()
    assert len(lines) == 8 and "number 29" in lines[-1] and max(map(len, lines)) < 350


def test_a_cluster_that_does_not_answer_is_said(why: Why) -> None:
    done = why(status=1)
    assert done.returncode == 1 and "connection refused" in done.stderr
