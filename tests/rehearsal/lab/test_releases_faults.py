"""What the applications live through. Each test leaves the lab whole for the next; the last one makes it anew."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rehearsal.machines import laptop, machine
from tests.rehearsal.lab import cluster, web
from tests.rehearsal.lab.cluster import HOMES, MOUNT
from tests.rehearsal.lab.kube import MACHINES, Kube, eventually, settled
from tests.rehearsal.lab.lab import Lab
from tests.rehearsal.lab.lan import no_uplink
from tests.rehearsal.lab.test_releases import KEEPING, PRIVATE, PUBLIC
from tests.rehearsal.lab.web import SPACE, Web, application, changed_file

pytestmark = pytest.mark.faults
CHART = "charts/plex/Chart.yaml"


@pytest.fixture(scope="module", autouse=True)
def whole(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever tests before did: all machines are on, and the stack is as its file says."""
    for name in (*MACHINES, "laptop"):
        machine.boot(lab.machine(name))
    lab.up()
    settled(lab, Kube(lab, tmp_path_factory.mktemp("desk")))
    cluster.await_mounts(lab, *HOMES)


@pytest.fixture
def pages(lab: Lab) -> Iterator[Web]:
    """After the test the lab is as its file says, whatever the test did: and every page is well."""
    yield Web(lab)
    lab.up()
    after = Web(lab)
    for app in PUBLIC:
        after.reached("internet", app, within=120)


def last(kube: Kube, app: str) -> tuple[int, str]:
    """The number and the status of a release's last revision."""
    found = web.revisions(kube, app)
    return max(found), found[max(found)]


def test_pages_answer_in_the_home_lan_while_the_uplink_is_cut(lab: Lab, kube: Kube, pages: Web) -> None:
    with no_uplink():
        eventually(lambda: pages.ask("internet", "plex").status != 200, 60, lambda: "the VPS still reaches the home machines")
        for app in (*PUBLIC, PRIVATE):
            for door in HOMES:
                assert f"<h1>{app}</h1>" in pages.reached("lan", app, door=door)
        for app in KEEPING:
            pages.write("lan", app, "alone", f"{app} without the Internet")
            assert pages.read("lan", app, "alone") == f"{app} without the Internet"
    settled(lab, kube)
    for app in KEEPING:
        assert pages.read("internet", app, "alone", within=120) == f"{app} without the Internet"
    cluster.await_health(lab)


@pytest.mark.parametrize("app", KEEPING)
def test_an_application_goes_on_with_its_data_when_its_machine_loses_power(lab: Lab, kube: Kube, pages: Web, app: str) -> None:
    pages.write("internet", app, "power", f"{app} before the cut")
    gone = web.node(kube, app)
    other = next(name for name in HOMES if name != gone)
    asking = Kube(lab, kube.config.parent)
    asking("config", "use-context", other)
    machine.kill(gone)
    try:
        eventually(lambda: web.node(asking, app) == other, 400, lambda: f"{app} does not come up on {other}")
        assert pages.read("internet", app, "power", within=cluster.STALL) == f"{app} before the cut"
        assert f"<h1>{app}</h1>" in pages.reached("lan", app, door=other)
    finally:
        machine.boot(gone)
    settled(lab, kube)
    cluster.await_mounts(lab, *HOMES)
    cluster.await_health(lab)


def test_an_edited_chart_is_noticed_and_its_upgrade_keeps_the_data(lab: Lab, kube: Kube, pages: Web) -> None:
    pages.write("internet", "plex", "upgraded", "before the new chart")
    number, _ = last(kube, "plex")

    def newer(text: str) -> str:
        return "".join(f"{line}+edited\n" if line.startswith("version:") else f"{line}\n" for line in text.splitlines())

    with changed_file(CHART, newer):
        shown = lab.pulumi("preview").stdout
        assert "releases-app-plex" in shown and "releases-app-home-assistant" not in shown, shown
        lab.up()
        assert last(kube, "plex") == (number + 1, "deployed")
        assert pages.read("internet", "plex", "upgraded") == "before the new chart"
        lab.up("--expect-no-changes")
    lab.up()
    assert last(kube, "plex") == (number + 2, "deployed")
    assert pages.read("internet", "plex", "upgraded") == "before the new chart"


@pytest.mark.parametrize("app", KEEPING)
def test_another_image_is_rolled_out_and_keeps_the_data(lab: Lab, pages: Web, app: str) -> None:
    pages.write("internet", app, "image", f"{app} of the first image")
    pages.reached("internet", app, text="version: 1")
    with lab.edited(application(app, image="localhost/page:2")):
        lab.up()
        pages.reached("internet", app, text="version: 2")
        assert pages.read("internet", app, "image") == f"{app} of the first image"


def test_a_failed_upgrade_rolls_back_and_says_why(lab: Lab, kube: Kube, pages: Web) -> None:
    number, _ = last(kube, "plex")
    before = {name: said for name, said in web.releases(kube).items() if name != f"{SPACE}/plex"}
    with lab.edited(application("plex", environment={"NEVER_READY": "yes"}, deadline=40)):
        failed = lab.up(ok=False)
    said = failed.stdout + failed.stderr
    assert failed.returncode != 0 and "plex" in said and "rolled back" in said, said
    # What its pod went through, which is gone by now.
    assert f"{SPACE}/plex did not get well. What the cluster said of it meanwhile:" in said and "Pod plex-" in said, said
    found = web.revisions(kube, "plex")
    assert found[number + 1] == "failed" and found[number + 2] == "deployed", found
    pages.reached("internet", "plex", text="version: 1", within=120)
    assert {name: said for name, said in web.releases(kube).items() if name != f"{SPACE}/plex"} == before
    lab.up()
    pages.reached("internet", "plex", text="version: 1")
    lab.up("--expect-no-changes")


def test_a_first_installation_that_fails_leaves_nothing_and_the_next_one_works(lab: Lab, kube: Kube, pages: Web) -> None:
    def added(**more: Any) -> Callable[[dict[str, Any]], None]:
        said = {"image": "localhost/page:1", "port": 8080, "memory": "64MiB", "deadline": 40, **more}
        return lambda config: config["homelab:applications"].update(extra=said)

    with lab.edited(added(environment={"NEVER_READY": "yes"})):
        failed = lab.up(ok=False)
        assert failed.returncode != 0 and "extra" in failed.stdout + failed.stderr
        assert web.revisions(kube, "extra") == {}
    with lab.edited(added()):
        lab.up()
        assert "<h1>extra</h1>" in pages.reached("internet", "extra")
    lab.up()
    assert web.revisions(kube, "extra") == {} and web.pod(kube, "extra") == {}
    pages.gone("lan", "extra")


def test_an_up_killed_in_the_middle_of_a_release_is_repaired_by_the_next(lab: Lab, kube: Kube, pages: Web) -> None:
    pages.write("internet", "plex", "killed", "before the kill")
    number, _ = last(kube, "plex")
    with lab.edited(application("plex", image="localhost/page:2", deadline=60)):
        lab.kill_when(
            "releases-app-plex updating",
            "up",
            "--yes",
            "--skip-preview",
            once=lambda: last(kube, "plex") == (number + 1, "pending-upgrade"),
        )
        said = lab.up()
        pages.reached("internet", "plex", text="version: 2")
        assert pages.read("internet", "plex", "killed") == "before the kill"
        found = web.revisions(kube, "plex")
        assert not any(status.startswith("pending") for status in found.values()), (found, said.stdout)
        assert found[max(found)] == "deployed"
        lab.up("--expect-no-changes")


def test_a_removed_release_is_uninstalled_its_data_stays_and_is_there_when_it_comes_again(lab: Lab, kube: Kube, pages: Web) -> None:
    for app in KEEPING:
        pages.write("internet", app, "removed", f"{app} before it was removed")
    (claim,) = [one for one in kube.get("pvc", f"--namespace={SPACE}") if one["metadata"]["name"].startswith("home-assistant")]

    def without(config: dict[str, Any]) -> None:
        config.pop("homelab:applicationSecrets", None)  # nobody may be named there who is not here
        for app in KEEPING:
            del config["homelab:applications"][app]

    with lab.edited(without):
        lab.up()
        for app in KEEPING:
            assert web.revisions(kube, app) == {}
            eventually(lambda app=app: web.pod(kube, app) == {}, 60, lambda app=app: f"{app} still runs")
            pages.gone("internet", app)
        assert f"<h1>{PRIVATE}</h1>" in pages.reached("lan", PRIVATE)
        assert lab.inside("leviathan", "cat", f"{MOUNT}/apps/plex/removed").stdout == "plex before it was removed"
        kept = f"{MOUNT}/volumes/csi/{claim['spec']['volumeName']}/removed"
        assert lab.inside("absis", "cat", kept).stdout == "home-assistant before it was removed"
    lab.up()
    for app in KEEPING:
        assert pages.read("internet", app, "removed", within=120) == f"{app} before it was removed"


def test_destroy_then_up_brings_the_pages_and_the_data_on_the_file_system_back(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> None:
    Web(lab).write("internet", "plex", "destroyed", "before the destroy")
    lab.pulumi("destroy", "--yes", "--skip-preview")
    lab.up()
    laptop.join(json.dumps(lab.outputs()["clients"]))  # the VPS has another address
    cluster.await_mounts(lab, *HOMES)
    pages = Web(lab)
    for app in PUBLIC:
        for side in web.SIDES:
            assert f"<h1>{app}</h1>" in pages.reached(side, app, within=180)
    assert pages.read("internet", "plex", "destroyed") == "before the destroy"
    settled(lab, Kube(lab, tmp_path_factory.mktemp("desk")))
    lab.up("--expect-no-changes")
