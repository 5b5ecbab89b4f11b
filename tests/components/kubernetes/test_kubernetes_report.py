"""What people are shown of the cluster: the tables of `make plan`, the stack output, what the next `up` would do."""

import json
from subprocess import CompletedProcess
from typing import Any

import pytest

from commands import converge
from commands.plan import report as whole
from components.kubernetes.folder import digest
from components.kubernetes.plan import plan
from components.kubernetes.report import document, text
from components.machines.plan import plan as fleet
from components.plan import plan as everything
from tests.components.kubernetes.lab import CHECKSUM, lab, planned


@pytest.fixture(scope="module")
def home():
    return planned()


def answer(monkeypatch: pytest.MonkeyPatch, status: int, out: str, err: str = "") -> None:
    monkeypatch.setattr(converge, "run", lambda *_, **__: CompletedProcess([], status, out, err))


def words(**said: Any) -> str:
    homelab = lab(**said)
    return converge.words(plan(homelab), fleet(homelab, []))


def test_the_plan_shows_the_cluster():
    assert text(plan(lab())) in whole(lab(), everything(lab()))


@pytest.mark.parametrize(
    "line",
    [
        "Kubernetes 1.35.4 by Kubespray v2.31.0, run on leviathan",
        "leviathan  first            yes     yes         28670Mi + 512Mi  https://192.168.1.10:6443 (chosen)",
        "absis      yes              yes     yes         12287Mi + 512Mi  https://192.168.1.11:6443",
        "nimbus     yes              yes                 1792Mi + 512Mi                                       cloud:NoSchedule",
        "pods             10.233.64.0/18, flannel over the mesh, packets of 1350 bytes",
        "etcd             heartbeat 250 ms, another leads after 5000 ms, 5 snapshots kept",
    ],
)
def test_the_tables_say(home, line):
    assert line in text(home).splitlines()


def test_the_operator_s_own_variables_are_shown():
    assert "kubelet_max_pods     60" in text(planned(variables={"kubelet_max_pods": 60}))


def test_the_output_of_the_stack_has_plain_values_only(home):
    said = document(home)
    assert json.loads(json.dumps(said)) == said and said["contexts"]["absis"] == "https://192.168.1.11:6443"


def test_without_a_cluster_nothing_is_shown():
    found = planned(kubespray=None)
    assert text(found) == "" and document(found) == {}
    assert words(kubespray=None) == ""


def test_a_machine_without_a_record_means_an_installation(monkeypatch):
    answer(monkeypatch, 0, "null\n")
    assert words().splitlines()[1] == "  1. install Kubernetes 1.35.4 by v2.31.0 on leviathan, absis, nimbus (cluster.yml)"


FOLDER = {"kubespray": {"folder": "playbooks"}}


@pytest.fixture
def playbooks(tmp_path, monkeypatch):
    """The project's folder is another one, with playbooks in it, and the tables that Kubespray has."""
    found = tmp_path / "playbooks"
    tables = found / "roles/kubespray_defaults/vars/main/checksums.yml"
    tables.parent.mkdir(parents=True)
    tables.write_text("kubelet_checksums:\n  amd64:\n    1.35.4: a\n    1.34.7: b\n    1.34.6: c\n    1.33.4: d\n")
    (found / "cluster.yml").write_text("- hosts: all\n")
    monkeypatch.chdir(tmp_path)
    return found


@pytest.mark.parametrize("said", [{}, FOLDER])
def test_the_applied_state_is_left_as_it_is(monkeypatch, playbooks, said):
    answer(monkeypatch, 0, json.dumps(planned(**said).wanted(digest(playbooks)) | {"phase": "done", "when": "2026"}))
    assert words(**said) == "`up` would leave the cluster as it is."


def test_an_edit_in_the_folder_of_playbooks_is_told(monkeypatch, playbooks):
    answer(monkeypatch, 0, json.dumps(planned(**FOLDER).wanted(digest(playbooks)) | {"phase": "done", "when": "2026"}))
    (playbooks / "cluster.yml").write_text("- hosts: none\n")
    assert words(**FOLDER).splitlines()[1:] == ["  1. run the changed playbooks (cluster.yml)"]


def test_a_way_over_several_minors_is_told_by_the_tables_in_the_folder_as_the_runner_will_go_it(monkeypatch, playbooks):
    answer(monkeypatch, 0, json.dumps(planned(version="1.33.4", **FOLDER).wanted(digest(playbooks)) | {"phase": "done", "when": "2026"}))
    assert [line.split(",")[0] for line in words(**FOLDER).splitlines()[1:]] == [
        "  1. upgrade Kubernetes 1.33.4 to 1.34.7",
        "  2. upgrade Kubernetes 1.34.7 to 1.35.4",
    ]


def test_a_folder_that_is_not_there_is_told(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    answer(monkeypatch, 0, "null\n")
    assert words(**FOLDER).startswith("`up` would stop before it touches the cluster: playbooks has no cluster.yml")


def test_of_a_release_that_is_not_known_here_it_is_said_that_the_runner_knows_more(monkeypatch):
    said = {"kubespray": {"version": "v2.99.0", "checksum": CHECKSUM}}
    answer(monkeypatch, 0, json.dumps(planned(version="1.33.4", **said).wanted() | {"phase": "done", "when": "2026"}))
    assert "  2. v2.99.0 is not known here; the runner reads what it can install, and may find a way" in words(**said).splitlines()


def test_an_upgrade_is_told_minor_by_minor(monkeypatch):
    answer(monkeypatch, 0, json.dumps(planned(version="1.33.4").wanted() | {"phase": "done", "when": "2026"}))
    assert words().splitlines() == [
        "`up` would, one after the other:",
        "  1. upgrade Kubernetes 1.33.4 to 1.34.7, a machine at a time (upgrade-cluster.yml)",
        "  2. upgrade Kubernetes 1.34.7 to 1.35.4, a machine at a time (upgrade-cluster.yml)",
    ]


def test_a_refusal_is_told_before_anything_runs(monkeypatch):
    answer(monkeypatch, 0, json.dumps(planned().wanted() | {"phase": "done", "when": "2026"}))
    assert "  1. the cluster has Kubernetes 1.35.4, and 1.34.2 is older" in words(version="1.34.2")


@pytest.mark.parametrize(("status", "out", "why"), [(255, "", "Connection refused"), (0, "[1", "no record"), (0, "[1]", "no record")])
def test_a_runner_that_cannot_be_asked_is_said_and_nothing_guessed(monkeypatch, status, out, why):
    answer(monkeypatch, status, out, "x\nConnection refused\n")
    found = words()
    assert found.startswith("What `up` would do to the cluster is not known: ") and why in found
