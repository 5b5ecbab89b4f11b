"""Our own charts on a real API server, by the rehearsal's helm. No kubelet: nothing starts, so nothing is waited for."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal.kubernetes import install
from tests.charts.rendering import CASES, CHARTS, LEAST, NAMES, helm, render
from tests.rehearsal.plugins.kubernetes.control_plane import ControlPlane, control_plane

pytestmark = pytest.mark.engine
NAMESPACE = "applications"
CLAIM = {"data": {"mountPath": "/data", "claim": {"storageClass": "block", "size": "1Gi"}}}
FOLDER = {"data": {"mountPath": "/data", "path": "/srv/archive/apps/app"}}


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(install.ensure(), tmp_path_factory.mktemp("plane")) as running:
        running.ask("create", "namespace", NAMESPACE)
        yield running


class Cluster:
    """Releases of one test, each with its own name."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane, self.folder = plane, folder
        (folder / "kubeconfig").write_text(plane.kubeconfig())

    def helm(self, *words: str, values: Any = None, fails: bool = False) -> str:
        (self.folder / "values.yaml").write_text(yaml.safe_dump(values or {}))
        told = ["-f", str(self.folder / "values.yaml")] if values is not None else []
        line = [helm(), *words, *told, "--namespace", NAMESPACE, "--kubeconfig", str(self.folder / "kubeconfig")]
        done = subprocess.run(line, capture_output=True, text=True, timeout=90, check=False)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def install(self, name: str, chart: str, values: Any, fails: bool = False) -> str:
        return self.helm("upgrade", "--install", name, str(CHARTS / chart), values={**LEAST.get(chart, {}), **values}, fails=fails)

    def get(self, kind: str, name: str) -> Any:
        return self.plane.get("--namespace", NAMESPACE, kind, name)


@pytest.fixture
def cluster(plane: ControlPlane, tmp_path: Path) -> Cluster:
    return Cluster(plane, tmp_path)


@pytest.mark.parametrize("chart", NAMES)
def test_an_api_server_knows_every_field_and_takes_it(plane, tmp_path, chart):
    file = tmp_path / "objects.yaml"
    for number, values in enumerate((CASES[chart], {**CLAIM, "runAsUser": 1000, "probe": ""}, {**FOLDER, "runAsUser": 1000, "port": 80})):
        file.write_text(yaml.safe_dump_all(render(chart, values, f"{chart}-{number}")))
        plane.ask("apply", "--dry-run=server", "--validate=strict", "--namespace", NAMESPACE, f"--filename={file}")


def test_a_release_that_was_taken_away_finds_its_claim_again(cluster):
    cluster.install("kept", "home-assistant", CLAIM)
    before = cluster.get("pvc", "kept")["metadata"]["uid"]
    cluster.helm("uninstall", "kept")
    assert cluster.get("deployment", "kept") is None
    cluster.install("kept", "home-assistant", CLAIM)
    assert cluster.get("pvc", "kept")["metadata"]["uid"] == before


def test_a_claim_that_is_asked_for_no_more_stays(cluster):
    cluster.install("moved", "plex", CLAIM)
    cluster.install("moved", "plex", FOLDER)
    assert cluster.get("pvc", "moved") and cluster.get("deployment", "moved")["spec"]["template"]["spec"]["volumes"][0]["hostPath"]


def test_a_claim_s_class_cannot_be_changed(cluster):
    cluster.install("fixed", "plex", CLAIM)
    said = cluster.install("fixed", "plex", {"data": {"claim": {"storageClass": "files", "size": "1Gi"}}}, fails=True)
    assert "spec is immutable" in said and cluster.get("pvc", "fixed")["spec"]["storageClassName"] == "block"


def test_an_application_becomes_one_of_another_kind_in_place(cluster):
    cluster.install("changed", "application", FOLDER)
    before = cluster.get("deployment", "changed")["metadata"]["uid"]
    cluster.install("changed", "plex", FOLDER)
    assert cluster.get("deployment", "changed")["metadata"]["uid"] == before


def test_an_edited_chart_restarts_nothing_by_itself(cluster):
    cluster.install("edited", "plex", {**FOLDER, "chartDigest": "one"})
    before = cluster.get("deployment", "edited")
    cluster.install("edited", "plex", {**FOLDER, "chartDigest": "two"})
    after = cluster.get("deployment", "edited")
    assert after["metadata"]["annotations"]["homelab/chart-digest"] == "two" and after["spec"] == before["spec"]


@pytest.mark.parametrize(
    ("name", "chart", "values", "words"),
    [
        ("told-plex", "plex", CASES["plex"], ["https://plex.example.net", "Its data is in /srv/archive/apps/plex"]),
        ("told-house", "home-assistant", CASES["home-assistant"], ["https://house.example.net", "Its data is in the claim told-house"]),
        ("told-device", "plex", {"devices": ["/dev/dri"]}, ["name that machine in `node`", "no data that stays"]),
        ("told-inside", "application", {}, ["http://told-inside.applications.svc:80"]),
    ],
)
def test_people_are_told_where_an_application_is_and_its_data(cluster, name, chart, values, words):
    said = cluster.install(name, chart, values)
    assert [word for word in words if word not in said] == [], said
