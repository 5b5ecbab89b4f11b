"""Values that a chart does not take are told before anything runs, all at once, as a person can use it."""

from typing import Any

import pytest

from components.releases.charts import Folder, read
from components.releases.values import faults
from tests.components.releases.lab import planned, problems

SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "additionalProperties": False,
    "required": ["port"],
    "properties": {
        "port": {"type": "integer", "minimum": 1, "description": "The port of its page"},
        "deep": {"type": "object", "additionalProperties": False, "properties": {"size": {"type": "string", "pattern": "^[0-9]+Gi$"}}},
        "list": {"type": "array", "items": {"enum": ["a", "b"]}},
    },
}


def found(values: dict[str, Any], defaults: dict[str, Any] | None = None, schema: Any = SCHEMA) -> list[tuple[str, str, str]]:
    return [*faults(Folder("one", "1.0.0", "", defaults or {}, schema), values)]


def test_what_the_chart_takes_is_fine() -> None:
    assert found({"port": 80, "deep": {"size": "1Gi"}, "list": ["a"]}) == []


def test_defaults_of_the_chart_count() -> None:
    assert found({}, {"port": 80}) == [] and found({"port": None}, {"port": 80})


def test_all_problems_are_told_at_once_each_with_its_place_and_what_to_do() -> None:
    said = found({"prot": 80, "deep": {"size": "1GB", "sise": "1Gi"}, "list": ["a", "c"]})
    assert {where for where, _, _ in said} == {"port", "prot", "deep.sise", "deep.size", "list[1]"}
    told = {where: (what, advice) for where, what, advice in said}
    assert told["prot"] == ("the chart has no such value", "did you mean port?")
    assert told["port"] == ("missing", "the chart says: The port of its page")
    assert told["deep.size"][0] == "must match ^[0-9]+Gi$" and told["list[1]"][0] == "must be one of ['a', 'b']"


def test_a_value_itself_is_never_shown() -> None:
    said = found({"port": "sensitive", "deep": "sensitive", "list": ["sensitive"]})
    assert len(said) == 3 and "sensitive" not in str(said)


def test_a_chart_without_schema_takes_everything() -> None:
    assert found({"any": 1}, schema=None) == []


@pytest.mark.parametrize("stack", ["dev", "home"])
def test_what_the_stacks_give_to_the_program_s_charts_they_take(stack: str) -> None:
    for release in planned(stack).releases.values():
        if release.chart.startswith("./charts/"):
            chart = read(release.chart.removeprefix("./"))
            assert chart.schema and [*faults(chart, release.values)] == []


def test_all_that_an_application_can_say_its_chart_takes() -> None:
    everything = {
        "image": "registry.example:5000/one/one:1.0@sha256:" + "0" * 64,
        "port": 8080,
        "data": {"mountPath": "/data", "claim": {"class": "block", "size": "1500MB"}},
        "mounts": [{"path": "media/a.b", "mountPath": "/media", "readOnly": False}],
        "devices": ["/dev/dri", "/dev/serial/by-id/usb-1"],
        "hostNetwork": True,
        "machine": "absis",
        "memory": "512MiB",
        "cpus": 0.25,
        "environment": {"TZ": "Europe/Vienna"},
        "probe": "/health",
        "values": {"runAsUser": 1000},
    }
    for kind in ("application", "plex", "home-assistant"):
        release = planned(applications={"one": {**everything, "kind": kind}}).releases["app-one"]
        assert [*faults(read(f"charts/{kind}"), release.values)] == []


def test_values_are_judged_only_when_everything_else_is_well() -> None:
    bad = {"image": "registry.example/one:1", "port": 80, "values": {"prot": 1}}
    assert [*problems(applications={"one": bad})] == ["homelab:applications.one (charts/application)"]
    assert [*problems(applications={"one": {**bad, "machine": "nowhere"}})] == ["homelab:applications.one.machine"]
