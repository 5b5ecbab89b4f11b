"""How long a stage took, by the engine's events."""

import json

import pytest

from bench.engine import BenchError
from bench.stage import events, scripts, span

URN = "urn:pulumi:dev::homelab::homelab:mesh:Mesh$command:remote:Command"


def event(kind: str, name: str, op: str = "create-replacement") -> dict[str, object]:
    return {kind: {"metadata": {"op": op, "urn": f"{URN}::{name}", "type": "command:remote:Command"}}}


def test_only_what_runs_on_machines_for_the_stage_is_run_again() -> None:
    kinds = {
        f"{URN}::mesh-join-oak": "command:remote:Command",
        f"{URN}::storage-mount-oak": "command:remote:Command",
        "urn:pulumi:dev::homelab::homelab:mesh:Mesh::mesh": "homelab:mesh:Mesh",
        f"{URN}::mesh-probe-oak": "command:remote:Command",
    }
    state = {"deployment": {"resources": [{"urn": urn, "type": kind} for urn, kind in kinds.items()]}}
    assert scripts(state, "mesh-") == [f"{URN}::mesh-join-oak", f"{URN}::mesh-probe-oak"]


def test_a_stage_lasts_from_its_first_step_to_the_end_of_its_last() -> None:
    seen = [
        (1.0, event("resourcePreEvent", "fleet-oak-base", "update")),
        (2.0, event("resourcePreEvent", "mesh-key-oak", "same")),
        (3.0, event("resourcePreEvent", "mesh-key-oak")),
        (4.0, event("resOutputsEvent", "mesh-key-oak")),
        (7.5, event("resOutputsEvent", "mesh-probe-oak")),
        (9.0, event("resOutputsEvent", "mesh-key-oak", "delete-replaced")),
        (9.5, {"summaryEvent": {}}),
    ]
    assert span(seen, "mesh-") == 4.5


def test_a_stage_of_which_nothing_ran_is_no_measure() -> None:
    with pytest.raises(BenchError, match="storage-"):
        span([(1.0, event("resourcePreEvent", "mesh-key-oak"))], "storage-")


def test_events_are_complete_when_the_log_is_done() -> None:
    with events() as (log, seen), log.open("w") as file:
        for number in range(500):
            file.write(json.dumps({"sequence": number}) + "\n")
    assert [said["sequence"] for _, said in seen] == list(range(500))
