"""What people are shown of the storage: the tables of `make plan`, the stack output, the warnings."""

import json

import pytest

from commands.plan import report as whole
from components.plan import plan
from components.storage.report import document, text
from config.load import read
from tests.components.releases.lab import nothing_runs


@pytest.fixture(scope="module")
def home():
    return plan(read("home")).storage


def test_the_plan_of_the_example_shows_the_storage():
    homelab = read("home")
    assert text(plan(homelab).storage) in whole(homelab, plan(homelab))


@pytest.mark.parametrize(
    "line",
    [
        "leviathan  yes          yes        yes      yes        7        28 TB",
        "nimbus     tie-breaker",
        "absis      16 GiB  1 GiB     1.5 GiB          0.75 GiB   0.75 GiB   1.25 GiB    0.5 GiB    5 x 1.55 GiB  2.5 GiB",
        "Room for 17 TB of data on 48 TB of disks, before Ceph warns that they are nearly full.",
        "Below 13.6 TB of data the loss of any one disk heals on the disks that stay.",
        "leviathan            absis, nimbus             goes on, 1 copy of some data; heals when it is back",
        "a disk of absis      leviathan, absis, nimbus  goes on, 1 copy of some data; heals by itself",
        "the uplink of home   leviathan, absis          goes on, all copies",
        "  leviathan and the uplink of home: everything waits: no majority of monitors",
        "  a disk of leviathan and a disk of absis: data is lost",
    ],
)
def test_the_tables_say(home, line):
    assert line in text(home).splitlines()


@pytest.mark.parametrize(
    "words",
    [
        "minReplicas 1 (filesystem, block, object)",
        "absis: 1.55 GiB of memory for each disk's daemon, below 2 GiB",
        "absis: 0.39 GiB of memory for each TB of disk, below 1",
        "leviathan: 8 TB of its 28 TB can never be used",
        "Ceph's traffic between leviathan and absis is plain on the LAN of home",
    ],
)
def test_what_is_allowed_and_dangerous_is_told(home, words):
    assert [warning for warning in home.warnings if words in warning]
    assert words in text(home)


def test_what_was_chosen_safely_is_not_warned_of():
    homelab = read("home")
    storage, absis = homelab.storage, homelab.machines["absis"]
    safe = {name: getattr(storage, name).model_copy(update={"min_replicas": 2}) for name in ("filesystem", "block", "object")}
    leviathan = homelab.machines["leviathan"].model_copy(update={"disks": homelab.machines["leviathan"].disks[:5], "memory": 48 * 1024**3})
    machines = {**homelab.machines, "leviathan": leviathan, "absis": absis.model_copy(update={"memory": 48 * 1024**3})}
    changed = {"machines": machines, "storage": storage.model_copy(update={**safe, "secure": True})}
    assert plan(homelab.model_copy(update=changed)).storage.warnings == []


def test_the_stack_output_is_plain_data_with_every_loss_and_warning(home):
    said = json.loads(json.dumps(document(home)))
    assert said["room"] == {"raw": "48 TB", "usable": "17 TB", "healsBelow": "13.6 TB", "unusable": {"leviathan": "8 TB"}}
    assert said["without"]["the uplink of home"] == "goes on, all copies"
    assert said["warnings"] == [*home.warnings] and len(said["disks"]["leviathan"]) == 7


def test_without_ceph_nothing_is_shown():
    homelab = read("home")
    bare = plan(homelab.model_copy(update={**nothing_runs(homelab), "storage": type(homelab.storage)()})).storage
    assert text(bare) == "" and document(bare) == {}


def test_plain_traffic_is_warned_of_only_where_the_lan_carries_it():
    homelab = read("home")
    tunnelled = homelab.model_copy(update={"mesh": homelab.mesh.model_copy(update={"lan_paths": False})})
    assert any("is plain on the LAN" in warning for warning in plan(homelab).storage.warnings)
    assert not any("is plain on the LAN" in warning for warning in plan(tunnelled).storage.warnings)
