"""What people are shown of what runs: the tables of `make plan` and `make up`, the stack's outputs, warnings."""

import json
import subprocess
import sys
from typing import Any

import pytest

from commands.plan import report as whole
from components.plan import plan
from components.releases.report import document, table, text, urls
from config.load import read
from tests.components.releases.lab import app, planned
from tests.graph import ROOT


@pytest.fixture(scope="module")
def home() -> Any:
    return planned()


def test_the_plan_of_the_example_shows_what_runs() -> None:
    homelab = read("home")
    assert text(plan(homelab).releases) in whole(homelab, plan(homelab))


def test_every_release_is_shown_with_its_chart_version_and_what_comes_before(home: Any) -> None:
    lines = text(home).splitlines()
    for release in home.releases.values():
        (line,) = [line for line in lines if line.startswith(f"{release.namespace}/{release.name} ")]
        assert (release.version or release.chart.removeprefix("./")) in line
        assert all(need in line for need in release.needs)


def test_each_url_is_shown_with_from_where_it_is_reached_and_who_signs(home: Any) -> None:
    said = urls(home)
    assert said["plex"] == {"url": "https://plex.example.net/", "from": "everywhere", "signedBy": "letsencrypt"}
    assert said["home-assistant"]["from"] == "LAN and mesh"
    assert table(said) in text(home) and "https://plex.example.net/" in table(said)


def test_what_nobody_reaches_has_no_url_and_is_told_of() -> None:
    lonely = planned(ingress={}, certificates={}, applications=app())
    assert urls(lonely) == {} and table({}) == "" and "one: reached inside the cluster only" in text(lonely)


def test_the_stack_outputs_are_plain_data(home: Any) -> None:
    for said in (document(home), urls(home), home.names.document({"nimbus": {"A": "192.0.2.1"}})):
        assert json.loads(json.dumps(said)) == said
    assert document(home)["files"]["chart"] == "https://ceph.github.io/csi-charts/ceph-csi-cephfs 3.17.1"


def test_without_anything_that_runs_nothing_is_shown() -> None:
    nothing = planned(ingress={}, certificates={}, volumes={}, metrics={}, applications={})
    assert text(nothing) == "" and document(nothing) == {} and urls(nothing) == {} and nothing.names.document({}) == {}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (app(devices=["/dev/dri"]), "one uses /dev/dri and may start on any own machine: write `machine`"),
        (app(hostNetwork=True), "one uses the machine's own network and may start on any own machine"),
        ({"tv": {"kind": "plex"}}, "tv: without `data`, so what it is told is forgotten"),
    ],
)
def test_what_is_allowed_and_may_surprise_is_said(said: dict[str, Any], expected: str) -> None:
    assert any(expected in warning for warning in planned(applications=said).warnings)


def test_a_device_of_a_named_machine_needs_no_warning() -> None:
    said = app(devices=["/dev/dri"], machine="leviathan", public=False)
    assert not [warning for warning in planned(applications=said).warnings if "may start" in warning]


def test_records_are_asked_for_only_where_the_operator_has_to_enter_them() -> None:
    vultr = planned(names={"dns": "vultr"}, applications={**app(), "two": app(host="one.example.org")["one"]})
    assert [warning for warning in vultr.warnings if "record" in warning] == [
        "one.example.org: not of example.net, so its record is yours to enter (output `names`)."
    ]
    assert any("one.example.net: enter the records" in warning for warning in planned(applications=app()).warnings)


def test_the_plan_imports_without_the_engine() -> None:
    modules = ", ".join(f"components.releases.{name}" for name in ("plan", "check", "report", "naming", "selection", "charts", "values"))
    blocked = "pulumi=None, pulumi_command=None, pulumi_kubernetes=None, ediri_vultr=None"
    code = f"import sys; sys.modules.update({blocked}); import {modules}"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True).stderr == ""
