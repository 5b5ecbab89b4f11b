"""Our own charts on real kubelets: what their pods may do, where their data are, and their own tests. In this order."""

from collections.abc import Iterator

import pytest

from tests.rehearsal.lab.charted import FOLDER, Charted, charted
from tests.rehearsal.lab.kube import Kube
from tests.rehearsal.lab.lab import Lab

pytestmark = pytest.mark.rehearsal
DATA = {"mountPath": "/data", "path": f"{FOLDER}/plain"}


@pytest.fixture(scope="module")
def charts(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Charted]:
    with charted(lab, Kube(lab, tmp_path_factory.mktemp("desk"))) as found:
        yield found


def owner(lab: Lab, path: str) -> str:
    return lab.inside("leviathan", "stat", "-c", "%u:%g", path).stdout.strip()


def test_a_program_that_is_not_root_writes_to_a_folder_that_the_kubelet_made(lab: Lab, charts: Charted) -> None:
    charts.release("plain", "application", "--wait", data=DATA, node="leviathan")
    assert "user: 1000" in charts.ask("plain", "GET", "/")
    charts.ask("plain", "PUT", "/data/hello", "from leviathan")
    assert (owner(lab, FOLDER + "/plain"), owner(lab, FOLDER + "/plain/hello")) == ("1000:1000", "1000:1000")


def test_on_the_other_machine_it_finds_what_it_wrote(charts: Charted) -> None:
    charts.release("plain", "application", "--wait", data=DATA, node="absis")
    assert charts.pod("plain")["spec"]["nodeName"] == "absis"
    assert charts.ask("plain", "GET", "/data/hello") == "from leviathan"


def test_helm_test_asks_it_by_its_service_s_name(charts: Charted) -> None:
    assert "Succeeded" in charts.helm("test", "plain", "--timeout=60s").stdout


def test_an_image_that_insists_on_root_writes_what_belonged_to_somebody_else(lab: Lab, charts: Charted) -> None:
    charts.release("rooted", "plex", "--wait", data={**DATA, "mountPath": "/config"}, port=32400, node="leviathan")
    assert "user: 0" in charts.ask("rooted", "GET", "/identity")
    assert charts.ask("rooted", "GET", "/data/hello") == "from leviathan"
    charts.ask("rooted", "PUT", "/data/hello", "from root")
    assert charts.ask("plain", "GET", "/data/hello") == "from root"


def test_a_low_port_needs_no_root(charts: Charted) -> None:
    charts.release("low", "application", "--wait", port=80, environment={"PORT": 80})
    assert "user: 1000" in charts.ask("low", "GET", "/")


def test_a_device_that_is_not_there_keeps_a_pod_from_starting(charts: Charted) -> None:
    charts.release("stick", "application", devices=["/dev/ttyUSB9"], node="leviathan")
    charts.await_complaint("/dev/ttyUSB9 is not a character device")
    charts.helm("uninstall", "stick")
