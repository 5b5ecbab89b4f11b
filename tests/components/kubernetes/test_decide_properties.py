"""Whatever the difference and wherever a run breaks off: it ends at what is wanted, by steps that are allowed."""

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as some

from tests.components.kubernetes.test_decide import BOTH, WHEN, decide, machine, records, want

VERSIONS = ["1.33.4", "1.33.11", "1.34.2", "1.34.7", "1.35.0", "1.35.4"]
PARTS = some.sampled_from([BOTH, BOTH[:2], ["kube_node"]])


@some.composite
def wishes(draw: Any) -> dict[str, Any]:
    """m0 is always the first of the control plane; of the others some are there, each in some part; members of etcd are odd."""
    numbers = [0, *sorted(draw(some.sets(some.integers(1, 5))))]
    machines = {f"m{number}": machine(number + 1, BOTH if number == 0 else draw(PARTS)) for number in numbers}
    assume(sum("etcd" in said["groups"] for said in machines.values()) % 2 == 1)
    said = {"order": [*machines], "machines": machines, "version": draw(some.sampled_from(VERSIONS))}
    return want(**said, variables=draw(some.sampled_from(["one", "two"])))


def minor(version: str) -> int:
    return int(version.split(".")[1])


def run(record: dict[str, Any], wanted: dict[str, Any], living: set[str], breaks: list[int]) -> dict[str, Any]:
    """Run to the end; `breaks`: after how many steps each earlier try breaks off."""
    for limit in [*breaks, None]:
        found = decide(record, wanted, living)
        assert found["refused"] is None, found["refused"]
        if not found["steps"]:
            return record
        record = dict(records.started(record, wanted, WHEN))
        for step in found["steps"][:limit]:
            before = record["version"]
            record = dict(records.after(record, step, wanted, WHEN))
            assert minor(record["version"]) - minor(before) in (0, 1)
            if step["playbook"] == "remove-node.yml":
                gone = step["variables"]["node"].split(",")
                assert {*gone} <= {*step["inventory"]["all"]["hosts"]} and "m0" not in gone
            else:
                assert "m0" in record["machines"]
    return dict(records.done(wanted, WHEN))


@settings(max_examples=60, deadline=None)
@given(applied=wishes(), wanted=wishes(), breaks=some.lists(some.integers(0, 3), max_size=3), dead=some.sets(some.integers(1, 5)))
def test_every_way_ends_at_what_is_wanted_wherever_it_breaks_off(applied, wanted, breaks, dead):
    names = {*applied["machines"], *wanted["machines"]}
    living = names - {f"m{number}" for number in dead if f"m{number}" not in wanted["machines"]}
    record = dict(records.done(applied, WHEN))
    assume(decide(record, wanted, living)["refused"] is None)
    end = run(record, wanted, living, breaks)
    assert decide(end, wanted, set()) == {"steps": [], "refused": None, "drop": {}}
    assert (end["version"], end["machines"], end["phase"]) == (wanted["version"], wanted["machines"], "done")


@settings(max_examples=60, deadline=None)
@given(wanted=wishes(), breaks=some.lists(some.integers(0, 1), max_size=3))
def test_an_installation_ends_wherever_it_breaks_off(wanted, breaks):
    record: Any = None
    for limit in [*breaks, 1]:
        steps = decide(record, wanted, wanted["machines"])["steps"]
        record = dict(records.started(record, wanted, WHEN))
        if limit and steps:
            record = dict(records.after(record, steps[0], wanted, WHEN))
    assert decide(records.done(wanted, WHEN), wanted, set())["steps"] == []


@settings(max_examples=60, deadline=None)
@given(applied=wishes(), wanted=wishes())
def test_a_refusal_runs_nothing_and_says_why(applied, wanted):
    found = decide(records.done(applied, WHEN), wanted, {"m0"})
    assert not (found["steps"] and found["refused"]) and (found["refused"] is None or len(found["refused"]) > 20)
