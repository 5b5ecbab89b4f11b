"""What the storage scripts compute, without a cluster: loaded as on a machine, and not run."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from components.storage import plan

COMPONENTS = Path(plan.__file__).parents[1]
Load = Callable[[str], SimpleNamespace]


@pytest.fixture
def script() -> Iterator[Load]:
    """A script's names by its name."""
    folders = [str(COMPONENTS / "storage/scripts"), str(COMPONENTS / "remote/scripts")]
    sys.path[:0] = folders

    def load(name: str) -> SimpleNamespace:
        text = (COMPONENTS / "storage/scripts" / name).read_text()
        assert text.endswith("\nmain()\n")
        names = {"__name__": name}
        exec(compile(text.removesuffix("main()\n"), name, "exec"), names)
        return SimpleNamespace(**names)

    yield load
    for folder in folders:
        sys.path.remove(folder)


@pytest.mark.parametrize(
    ("strategy", "have", "wanted", "change"),
    [
        (1, "", ["nimbus"], "mon set election_strategy"),
        (2, "", ["nimbus"], "mon add disallowed_leader"),
        (2, "nimbus", ["nimbus"], None),
        (2, "stratus,nimbus", ["nimbus"], "mon rm disallowed_leader"),
    ],
)
def test_leaders_are_changed_one_step_at_a_time_until_the_map_is_right(script: Load, strategy, have, wanted, change) -> None:
    found = script("cluster")._next({"election_strategy": strategy, "disallowed_leaders: ": have}, wanted)
    assert (found and found[0]) == change


def test_an_option_that_ceph_writes_with_a_fraction_is_the_same(script: Load) -> None:
    same = script("cluster").same
    assert same("60.000000", "60") and same("off", "off")
    assert not same(None, "60") and not same("on", "off") and not same("61.000000", "60")


def status(**changed: object) -> dict[str, object]:
    said: dict[str, object] = {
        "quorum_names": ["leviathan", "absis", "nimbus"],
        "osdmap": {"num_up_osds": 5, "num_in_osds": 5},
        "mgrmap": {"available": True, "num_standbys": 1},
        "fsmap": {"up": 1, "up:standby": 1},
        "pgmap": {
            "num_pgs": 97,
            "pgs_by_state": [{"state_name": "active+clean", "count": 96}, {"state_name": "active+clean+scrubbing", "count": 1}],
        },
    }
    return {**said, **changed}


WANTED = {"osds": 5, "monitors": 3, "managers": 2, "metadata": 2}


def test_a_cluster_with_everything_in_its_place_is_waited_for_no_longer(script: Load) -> None:
    health = script("health")
    assert health.missing(status(), WANTED) == [] and health.settling(status()) == []


def test_everything_that_is_not_there_yet_is_told_at_once(script: Load) -> None:
    less = status(quorum_names=["leviathan", "absis"], osdmap={"num_up_osds": 4, "num_in_osds": 5}, fsmap={"up": 1})
    told = script("health").missing(less, WANTED)
    assert told == ["2 of 3 monitors agree", "1 of 2 metadata servers run", "4 of 5 OSDs are up"]


def test_healing_is_waited_for(script: Load) -> None:
    healing = {"num_pgs": 97, "pgs_by_state": [{"state_name": "active+undersized+degraded", "count": 97}]}
    assert script("health").settling(status(pgmap=healing)) == ["97 of 97 placement groups are not clean yet"]


SAID = {
    "filesystem": "archive",
    "user": "mesh.laptop",
    "key": "KEY",
    "monitors": ["10.88.0.1:6789", "10.88.0.2:6789"],
    "secure": False,
    "mounts": {"/media": "/srv/archive/media"},
}


def test_the_kernel_mounts_where_it_can_and_the_key_stays_in_its_file(script: Load) -> None:
    unit = script("mount").unit(SAID, "/media", "/srv/archive/media", kernel=True)
    options = "name=mesh.laptop,secretfile=/etc/ceph/ceph.client.mesh.laptop.secret,fs=archive,recover_session=clean,_netdev"
    assert f"ExecStart=/bin/mount -t ceph 10.88.0.1:6789,10.88.0.2:6789:/media /srv/archive/media -o {options}" in unit
    assert "KEY" not in unit


def test_secure_mode_goes_to_the_port_that_can_encrypt(script: Load) -> None:
    unit = script("mount").unit({**SAID, "secure": True}, "/media", "/srv/archive/media", kernel=True)
    assert "10.88.0.1:3300,10.88.0.2:3300:/media" in unit and "ms_mode=secure" in unit


@pytest.mark.parametrize("kernel", [True, False])
def test_a_mount_keeps_trying_and_waits_for_the_mesh_address(script: Load, kernel: bool) -> None:
    unit = script("mount").unit(SAID, "/media", "/srv/archive/media", kernel)
    assert "StartLimitIntervalSec=0" in unit and "Restart=" in unit and "After=homelab-mesh.target" in unit


def test_a_mount_whose_program_ended_is_not_waited_for(script: Load) -> None:
    unit = script("mount").unit(SAID, "/media", "/srv/archive/media", kernel=False)
    assert "kill -0 $$MAINPID || exit 1" in unit


def test_a_mount_that_is_not_cephfs_is_refused_and_not_taken_away(script: Load) -> None:
    with pytest.raises(SystemExit, match=r"/proc has a mount that is not CephFS \(proc\)"):
        script("mount").clear("/proc")
    assert Path("/proc/mounts").exists()


def test_a_place_where_nothing_is_mounted_is_left_as_it_is(script: Load, tmp_path: Path) -> None:
    script("mount").clear(str(tmp_path))
    assert tmp_path.exists()


def test_a_mount_that_stands_is_not_asked_whether_it_is_a_folder(script: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the cluster had been made anew a laptop's mount with its old key answered nobody, and its new bundle could not be installed."""
    asked: list[str] = []
    monkeypatch.setattr(Path, "mkdir", lambda path, **_: asked.append(str(path)))
    script("mount").place("/proc")
    script("mount").place("/srv/nothing-is-mounted-here")
    assert asked == ["/srv/nothing-is-mounted-here"]


@pytest.mark.parametrize("daemon", ["mon", "mgr", "osd", "mds", "radosgw"])
def test_no_daemon_gives_up_spins_or_holds_up_a_power_off(script: Load, daemon: str) -> None:
    monitor = script("monitor")
    unit = monitor.DROP_IN + monitor.MORE.get(daemon, "")
    assert {"StartLimitIntervalSec=0", "RestartSec=5", "TimeoutStopSec=30", "After=homelab-mesh.target"} <= {*unit.splitlines()}
