"""What the charts' schema takes and refuses. The same file is asked at plan time, by helm, and at the cluster's door."""

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.charts.values import join
from tests.graph import ROOT

CHARTS = ROOT / "charts"
NAMES = ("application", "home-assistant", "plex")
SHARED = CHARTS / "common/application.schema.json"
SERVED = {"hosts": ["a.example.net"], "ingress": {"classes": ["public", "home"], "issuer": "private", "secretName": ""}}


def schema() -> Any:
    return json.loads(SHARED.read_text())


def complaints(values: Any) -> list[str]:
    return [f"{'/'.join(map(str, one.absolute_path))}: {one.message}" for one in Draft7Validator(schema()).iter_errors(values)]


def defaults(chart: str) -> Any:
    return yaml.safe_load((CHARTS / chart / "values.yaml").read_text())


def over(said: Any) -> Any:
    """The defaults with the least that has to be said and `said`, joined as Helm joins values: null takes a default away."""
    return join(join(defaults("application"), yaml.safe_load((CHARTS / "application/ci/values.yaml").read_text())), said)


def described(chart: str) -> Any:
    return yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())


def test_the_schema_is_one():
    Draft7Validator.check_schema(schema())


def test_every_chart_is_checked_by_that_schema_and_stands_on_the_library():
    for chart in NAMES:
        assert (CHARTS / chart / "values.schema.json").resolve() == SHARED
        assert (CHARTS / chart / "charts/common").resolve() == CHARTS / "common"
        [dependency] = described(chart)["dependencies"]
        assert (dependency["name"], dependency["version"]) == ("common", described("common")["version"])


@pytest.mark.parametrize("chart", ["plex", "home-assistant"])
def test_the_defaults_of_a_chart_for_one_program_obey(chart):
    assert complaints(defaults(chart)) == []


def test_the_chart_for_any_program_wants_to_know_its_image_and_port():
    said = defaults("application")
    assert complaints(said) == [": 'image' is a required property", ": 'port' is a required property"]
    assert complaints(over({})) == []


@pytest.mark.parametrize("chart", NAMES)
def test_every_value_that_the_schema_knows_stands_in_the_defaults(chart):
    known = {*schema()["properties"]} - {"common", "global"}
    assert {*defaults(chart), "image", "port"} == known


@pytest.mark.parametrize("chart", ["plex", "home-assistant"])
def test_a_chart_says_which_version_of_its_program_it_is_for(chart):
    assert str(described(chart)["appVersion"]) == defaults(chart)["image"]["tag"]


def test_all_charts_use_the_same_tools_and_the_rehearsal_has_that_image():
    [tools] = {str(defaults(chart)["tools"]): defaults(chart)["tools"] for chart in NAMES}.values()
    variables = yaml.safe_load((ROOT / "rehearsal/kubespray/roles/cluster/defaults/main.yml").read_text())
    assert f"{tools['repository']}:{tools['tag']}" == variables["tools_image"]


def image(**said: Any) -> dict[str, Any]:
    return {"image": said}


@pytest.mark.parametrize(
    "said",
    [
        image(repository="localhost:5000/a_b/c-d", digest="sha256:" + "0" * 64),
        SERVED,
        {"data": {"mountPath": "/config", "path": "/srv/archive/apps/a", "claim": {"storageClass": "", "size": ""}}},
        {"data": {"mountPath": "/config", "claim": {"storageClass": "block", "size": "10Gi"}}},
        {"mounts": [{"name": "media", "path": "/srv/archive/media", "mountPath": "/media", "readOnly": False}]},
        {"devices": ["/dev/dri", "/dev/serial/by-id/usb-ITead_Sonoff_Zigbee-if00-port0"]},
        {"environment": {"TZ": "Europe/Berlin", "PUID": 1000, "DEBUG": True}},
        {"resources": {"requests": {"cpu": 0.5, "memory": "64Mi"}, "limits": {"memory": "2147483648"}}},
        {"probe": ""},
        {"runAsUser": 0, "fsGroup": None},
        {"node": ""},
    ],
)
def test_what_an_application_may_be_told(said):
    assert complaints(over(said)) == []


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"imgae": {}}, ": Additional properties"),
        ({"data": {"mountpath": "/config"}}, "data: Additional properties"),
        ({"mounts": [{"name": "m", "path": "/m", "mountPath": "/m", "readonly": True}]}, "mounts/0: Additional properties"),
        (image(tag="latest"), "image/tag:"),
        (image(tag=""), "image/tag:"),
        (image(tag=1.29), "image/tag:"),
        (image(digest="sha256:0"), "image/digest:"),
        (image(tag=None), "image: 'tag' is a required"),
        ({"data": None}, ": 'data' is a required"),
        ({"data": {"claim": None}}, "data: 'claim' is a required"),
        ({"port": 0}, "port:"),
        ({"port": "80"}, "port:"),
        ({"probe": "health"}, "probe:"),
        ({"hosts": ["plex"]}, "hosts/0:"),
        ({"hosts": ["*.example.net"]}, "hosts/0:"),
        ({**SERVED, "hosts": []}, "hosts:"),
        ({"data": {"path": "apps/plex"}}, "data/path:"),
        ({"data": {"path": "/srv/archive/../../etc"}}, "data/path:"),
        ({"data": {"claim": {"size": "10GiB"}}}, "data/claim/size:"),
        ({"mounts": [{"path": "/srv/m", "mountPath": "/m"}]}, "mounts/0: 'name' is a required"),
        ({"devices": ["/etc/shadow"]}, "devices/0:"),
        ({"environment": {"A-B": "c"}}, "environment:"),
        ({"environment": {"A": {"secret": "b"}}}, "environment/A:"),
        ({"resources": {"limits": {"memory": "2GiB"}}}, "resources/limits/memory:"),
        ({"node": "Leviathan"}, "node:"),
        ({"runAsUser": "root"}, "runAsUser:"),
    ],
)
def test_what_is_refused_and_where(said, where):
    found = complaints(over(said))
    assert len(found) == 1 and found[0].startswith(where), found
