"""Whatever the difference and wherever a run breaks off: it ends at what is wanted, by steps that are allowed."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from tests.components.kubernetes.test_decide import BOTH, WHEN, decide, machine, records, want

VERSIONS = ["1.33.4", "1.33.11", "1.34.2", "1.34.7", "1.35.0", "1.35.4"]
PARTS = some.sampled_from([BOTH, BOTH[:2], ["kube_node"]])
BREAKS = some.lists(some.tuples(some.integers(0, 3), some.integers(0, 5)), max_size=3)


@some.composite
def wishes(draw: Any, version: str = "") -> dict[str, Any]:
    """m0 is always the first of the control plane; of the others some are there, each in some part; members of etcd are odd."""
    machines = {}
    for number in [0, *sorted(draw(some.sets(some.integers(1, 5))))]:
        labels = {label: "yes" for label in draw(some.sampled_from(["", "a", "b", "ab"]))}
        machines[f"m{number}"] = machine(number + 1, BOTH if number == 0 else draw(PARTS), node_labels=labels)
    members = controlling({"machines": machines})
    if len(members) % 2 == 0:
        machines[max(members)]["groups"] = ["kube_node"]
    return want(
        order=[*machines],
        machines=machines,
        version=version or draw(some.sampled_from(VERSIONS)),
        variables=draw(some.sampled_from(["one", "two"])),
    )


@some.composite
def histories(draw: Any) -> tuple[dict[str, Any], ...]:
    """What is applied, what was wanted for a while, what is wanted: never an older version."""
    first, second, third = sorted(draw(some.tuples(*[some.integers(0, len(VERSIONS) - 1)] * 3)))
    return tuple(draw(wishes(VERSIONS[number])) for number in (first, second, third))


def controlling(record: dict[str, Any]) -> set[str]:
    return {name for name, said in record["machines"].items() if "etcd" in said["groups"]}


def labels(record: dict[str, Any]) -> dict[str, set[str]]:
    return {name: {*said["variables"]["node_labels"]} for name, said in record["machines"].items()}


def minor(version: str) -> int:
    return int(version.split(".")[1])


class Cluster:
    """What is really there, which the record only follows."""

    def __init__(self, applied: dict[str, Any], living: set[str]) -> None:
        self.record, self.living = dict(records.done(applied, WHEN)), living
        self.members, self.labels = controlling(applied), labels(applied)

    def run(self, wanted: dict[str, Any], whole: int | None, inside: int = 0) -> None:
        """As steps.py does; breaks off after `whole` steps and so many machines of the next, or never."""
        found = decide(self.record, wanted, self.living)
        assert found["refused"] is None, found["refused"]
        if not found["steps"]:
            return
        self.record = dict(records.started(self.record, wanted, WHEN))
        for step in found["steps"][:whole]:
            self.play(step, wanted)
            before = self.record["version"]
            self.record = dict(records.after(self.record, step, wanted, WHEN))
            assert minor(self.record["version"]) - minor(before) in (0, 1)
        if whole is not None:
            for step in found["steps"][whole : whole + 1]:
                self.play(step, wanted, inside)
            return
        for name, less in found["drop"].items():
            self.labels[name] -= {*less["labels"]}
        self.record = dict(records.done(wanted, WHEN))

    def play(self, step: dict[str, Any], wanted: dict[str, Any], most: int | None = None) -> None:
        if step["playbook"] == "remove-node.yml":
            names = step["variables"]["node"].split(",")
            assert {*names} <= {*step["inventory"]["all"]["hosts"]} and "m0" not in names
            for name in names[:most]:
                self.agree()
                self.members.discard(name)
                self.labels.pop(name, None)
                self.agree()
            return
        assert "m0" in self.record["machines"] and {*wanted["machines"]} <= self.living
        for name in [*wanted["machines"]][:most]:
            self.labels[name] = self.labels.get(name, set()) | labels(wanted)[name]
            if name in controlling(wanted) - self.members:
                self.agree()
                self.members.add(name)

    def agree(self) -> None:
        """Nobody joins etcd or leaves it, and nothing goes on behind that, without a majority."""
        assert len(self.members & self.living) * 2 > len(self.members), (self.members, self.living)


@settings(max_examples=50, deadline=None)
@given(history=histories(), breaks=BREAKS, more=BREAKS, dead=some.sets(some.integers(1, 5)))
def test_every_way_ends_at_what_is_wanted_wherever_it_breaks_off(history, breaks, more, dead):
    applied, meanwhile, wanted = history
    names = {name for wish in history for name in wish["machines"]}
    living = names - {f"m{number}" for number in dead if f"m{number}" not in {**meanwhile["machines"], **wanted["machines"]}}
    cluster = Cluster(applied, living)
    if decide(cluster.record, meanwhile, living)["refused"]:
        assert len(controlling(applied) & living) * 2 <= len(controlling(applied))
        return
    for whole, inside in breaks:
        cluster.run(meanwhile, whole, inside)
    for whole, inside in [*more, (None, 0)]:
        cluster.run(wanted, whole, inside)
    end = cluster.record
    assert decide(end, wanted, set()) == {"steps": [], "refused": None, "drop": {}}
    assert (end["version"], end["machines"], end["phase"]) == (wanted["version"], wanted["machines"], "done")
    assert (cluster.members, cluster.labels) == (controlling(wanted), labels(wanted))


@settings(max_examples=30, deadline=None)
@given(wanted=wishes(), breaks=some.lists(some.integers(0, 1), max_size=3))
def test_an_installation_ends_wherever_it_breaks_off(wanted, breaks):
    record: Any = None
    for limit in [*breaks, 1]:
        steps = decide(record, wanted, wanted["machines"])["steps"]
        record = dict(records.started(record, wanted, WHEN))
        if limit and steps:
            record = dict(records.after(record, steps[0], wanted, WHEN))
    assert decide(records.done(wanted, WHEN), wanted, set())["steps"] == []


@settings(max_examples=30, deadline=None)
@given(applied=wishes(), wanted=wishes())
def test_a_refusal_runs_nothing_and_says_why(applied, wanted):
    found = decide(records.done(applied, WHEN), wanted, {"m0"})
    assert not (found["steps"] and found["refused"]) and (found["refused"] is None or len(found["refused"]) > 20)
