"""What `releases/repair` does about what an interrupted run has left of a Helm release; kubectl is a stand-in that keeps Secrets."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.graph import ROOT

SCRIPT = ROOT / "components/releases/scripts/repair"
KUBECTL = """#!{python}
import json, sys
from pathlib import Path
cluster = Path({cluster!r})
said = json.loads(cluster.read_text())
words = [word for word in sys.argv[1:] if not word.startswith("--request-timeout")]
assert words[:2] == ["--kubeconfig", "/etc/kubernetes/admin.conf"], words
assert words[2:4] == ["--namespace", "applications"], words
act, rest = words[4], words[5:]
if said.get("broken"):
    sys.exit("Unable to connect to the server: EOF")
if act == "get":
    assert rest[:3] == ["secrets", "--selector", "owner=helm,name=plex"] and rest[4].startswith("jsonpath=")
    for name, one in said["secrets"].items():
        print(name, one["version"], one["status"], one["made"])
    if said.get("then"):
        said["secrets"].update(said.pop("then"))
        cluster.write_text(json.dumps(said))
elif act == "delete":
    assert rest[0] == "secrets"
    for name in rest[1:]:
        del said["secrets"][name]
    cluster.write_text(json.dumps(said))
"""

Repair = Callable[..., tuple[subprocess.CompletedProcess[str], dict[str, str]]]


def when(seconds_ago: float) -> str:
    return datetime.fromtimestamp(time.time() - seconds_ago, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def repair(tmp_path: Path) -> Repair:
    """Runs the script on revisions {number: status}; gives how it ended and which revisions stay."""

    def ran(
        act: str, *statuses: str, age: float = 3600, seconds: int = 60, then: dict[int, str] | None = None, broken: bool = False
    ) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
        def secrets(found: dict[int, str]) -> dict[str, dict[str, object]]:
            return {
                f"sh.helm.release.v1.plex.v{number}": {"version": number, "status": status, "made": when(age)}
                for number, status in found.items()
            }

        cluster = tmp_path / "cluster.json"
        said = {"secrets": secrets(dict(enumerate(statuses, 1))), "then": secrets(then or {}), "broken": broken}
        cluster.write_text(json.dumps(said))
        kubectl = tmp_path / "kubectl"
        kubectl.write_text(KUBECTL.format(python=sys.executable, cluster=str(cluster)))
        kubectl.chmod(0o755)
        env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        done = subprocess.run(
            [sys.executable, SCRIPT, act, "applications", "plex", str(seconds)], capture_output=True, text=True, env=env, check=False
        )
        stay = {name: one["status"] for name, one in json.loads(cluster.read_text())["secrets"].items()}
        return done, stay

    return ran


@pytest.mark.parametrize("act", ["create", "update"])
def test_a_name_that_helm_does_not_know_needs_nothing(repair: Repair, act: str) -> None:
    done, stay = repair(act)
    assert (done.returncode, done.stdout, stay) == (0, "", {})


def test_a_release_that_is_well_is_left_alone_before_an_update(repair: Repair) -> None:
    done, stay = repair("update", "superseded", "failed", "deployed")
    assert done.stdout == "" and [*stay.values()] == ["superseded", "failed", "deployed"]


@pytest.mark.parametrize("status", ["pending-upgrade", "pending-rollback", "uninstalling"])
def test_a_revision_that_never_ended_is_taken_away_so_that_the_one_before_is_current(repair: Repair, status: str) -> None:
    done, stay = repair("update", "superseded", "deployed", status)
    assert [*stay.values()] == ["superseded", "deployed"]
    assert f"applications/plex: an interrupted run had left revision 3 {status}; revision 2 is current again" in done.stdout


def test_a_revision_that_failed_before_is_not_called_current(repair: Repair) -> None:
    done, _ = repair("update", "deployed", "failed", "pending-rollback")
    assert "revision 1 is current again" in done.stdout


def test_revisions_are_told_apart_by_number_and_not_by_name(repair: Repair) -> None:
    done, stay = repair("update", *["superseded"] * 8, "deployed", "pending-upgrade")
    assert "sh.helm.release.v1.plex.v10" not in stay and len(stay) == 9 and "revision 9 is current again" in done.stdout


def test_an_installation_that_never_ended_gives_its_name_free(repair: Repair) -> None:
    done, stay = repair("create", "pending-install")
    assert stay == {} and "it is installed anew over what is there" in done.stdout


@pytest.mark.parametrize("status", ["deployed", "failed", "uninstalling"])
def test_whatever_a_killed_run_has_finished_unknown_to_any_state_is_taken_over(repair: Repair, status: str) -> None:
    done, stay = repair("create", "superseded", status)
    assert stay == {} and f"revision 2 ({status}) was there, and no state knows of it" in done.stdout


def test_an_only_revision_that_never_ended_is_not_called_current(repair: Repair) -> None:
    done, stay = repair("update", "pending-install")
    assert stay == {} and "`pulumi refresh`, then run again" in done.stdout


def test_a_run_that_may_still_go_on_is_waited_for_and_its_end_counts(repair: Repair) -> None:
    done, stay = repair("update", "superseded", "pending-upgrade", age=0, then={1: "superseded", 2: "deployed"})
    assert "another run may still be at it, waiting up to" in done.stderr
    assert done.stdout == "" and [*stay.values()] == ["superseded", "deployed"]


def test_it_is_waited_for_no_longer_than_helm_itself_would(repair: Repair) -> None:
    began = time.monotonic()
    _, stay = repair("update", "deployed", "pending-upgrade", age=0, seconds=2)
    assert time.monotonic() - began < 30 and [*stay.values()] == ["deployed"]


def test_a_cluster_that_does_not_answer_is_said_and_nothing_is_touched(repair: Repair) -> None:
    done, stay = repair("update", "deployed", "pending-upgrade", broken=True)
    assert done.returncode == 1 and "Unable to connect to the server" in done.stderr and len(stay) == 2


def test_anything_but_create_and_update_is_refused(repair: Repair) -> None:
    done, stay = repair("delete", "deployed")
    assert done.returncode == 1 and "repair create|update NAMESPACE NAME SECONDS" in done.stderr and len(stay) == 1
