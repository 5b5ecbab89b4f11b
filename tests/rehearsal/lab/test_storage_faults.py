"""What the storage lives through."""

import time

import pytest

from rehearsal.machines import machine
from rehearsal.machines.shell import wait_until
from tests.rehearsal.lab import cluster
from tests.rehearsal.lab.cluster import HOMES
from tests.rehearsal.lab.lab import Lab
from tests.rehearsal.lab.lan import cut, no_tinc, taken

pytestmark = pytest.mark.faults


@pytest.fixture(autouse=True)
def whole(lab: Lab) -> None:
    """Whatever the test before did or did not get done."""
    for name in HOMES:
        lab.command_machines("boot", name)
    cluster.await_mounts(lab, *HOMES)
    cluster.await_health(lab)


@pytest.mark.parametrize("name", HOMES)
def test_a_home_machine_without_power_stops_nothing_and_heals_when_it_is_back(lab: Lab, name: str) -> None:
    other = next(home for home in HOMES if home != name)
    cluster.write_once(lab, other, f"before-{name}", 200)
    with cluster.writing(lab, other, f"cut-{name}"):
        machine.kill(name)
        gone, seen = time.monotonic(), cluster.written(lab, other, f"cut-{name}")
        wait_until(lambda: cluster.written(lab, other, f"cut-{name}") > seen + 5, cluster.STALL, lambda: "writing does not go on")
        print(f"writing went on {time.monotonic() - gone:.0f} s after {name} had gone")
        assert cluster.check(lab, other, f"before-{name}") == 1
        machine.boot(name)
    cluster.await_mounts(lab, *HOMES)
    cluster.await_health(lab)
    for reader in HOMES:
        assert cluster.check(lab, reader, f"before-{name}") == 1
        assert cluster.check(lab, reader, f"cut-{name}") > seen
    lab.up("--expect-no-changes")


def keeps_writing(lab: Lab, folder: str, seconds: float) -> None:
    """From leviathan, never standing still for half a minute."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        seen = cluster.written(lab, "leviathan", folder)
        wait_until(lambda seen=seen: cluster.written(lab, "leviathan", folder) > seen, 30, lambda: "writing does not go on")


def test_tinc_stopped_everywhere_for_a_minute_stops_nothing_at_home(lab: Lab) -> None:
    with cluster.writing(lab, "leviathan", "no-tinc"):
        with no_tinc(lab):
            keeps_writing(lab, "no-tinc", 60)
        keeps_writing(lab, "no-tinc", 5)
    cluster.await_health(lab)
    assert cluster.check(lab, "absis", "no-tinc") > 5


def test_the_tunnel_carries_the_storage_while_the_lan_link_is_cut(lab: Lab) -> None:
    with cluster.writing(lab, "leviathan", "cut-lan"):
        with cut(lab):
            wait_until(lambda: taken(lab) == {"tunnel"}, 12, lambda: "the LAN's routes stayed")
            keeps_writing(lab, "cut-lan", 30)
        wait_until(lambda: taken(lab) == {"lan"}, 15, lambda: "the LAN's routes did not come back")
        keeps_writing(lab, "cut-lan", 5)
    cluster.await_health(lab)
    assert cluster.check(lab, "absis", "cut-lan") > 5


def test_the_loss_and_rebuild_of_the_vps_stops_nothing(lab: Lab) -> None:
    with cluster.writing(lab, "absis", "rebuild"):
        lab.up("--replace", lab.urn("fleet-nimbus-server"))
    cluster.await_health(lab)
    assert cluster.check(lab, "leviathan", "rebuild") > 10


def test_a_run_killed_while_a_disk_is_added_is_finished_by_the_next(lab: Lab) -> None:
    cluster.write_once(lab, "leviathan", "added", 100)
    forget = "systemctl disable --now homelab-osd@virtio-abs-2; n=$(basename $(dirname $(ls -d /var/lib/ceph/osd/*/block | xargs -n1 sh -c "
    forget += "'[ $(readlink $0) = /dev/disk/by-id/virtio-abs-2 ] && echo $0')) | cut -d- -f2); systemctl stop ceph-osd@$n; "
    forget += "ceph osd purge $n --yes-i-really-mean-it; umount /var/lib/ceph/osd/ceph-$n; rmdir /var/lib/ceph/osd/ceph-$n"
    done = lab.inside("absis", "sh", "-ec", forget)
    assert done.returncode == 0, done.stderr
    refused = lab.up("--replace", lab.urn("storage-osd-abs_2"), ok=False)
    assert "the monitors do not know it" in refused.stdout and "storage/wipe virtio-abs-2 ABS-2" in refused.stdout, refused.stdout
    wiped = lab.command("do", "absis", "storage/wipe virtio-abs-2 ABS-2")
    assert "is empty" in wiped.stdout + wiped.stderr
    lab.kill_when("taking disk ABS-2", "up", "--yes", "--skip-preview", "--replace", lab.urn("storage-osd-abs_2"))
    lab.up()
    cluster.await_health(lab)
    assert cluster.check(lab, "absis", "added") == 1


@pytest.mark.parametrize("state", ["kept", "thrown away"])
def test_destroy_then_up_brings_the_same_data_back(lab: Lab, state: str) -> None:
    cluster.write_once(lab, "leviathan", f"destroyed-{state[:4]}", 100)
    lab.pulumi("destroy", "--yes", "--skip-preview")
    assert lab.inside("absis", "systemctl", "list-units", "--plain", "--no-legend", "ceph-*@*", "homelab-*").stdout == ""
    if state == "thrown away":
        lab.pulumi("stack", "rm", "--yes", "--force", "--preserve-config", config=False)
        lab.pulumi("stack", "init", config=False)
    lab.up()
    assert cluster.health(lab) == "HEALTH_OK"
    assert cluster.check(lab, "absis", f"destroyed-{state[:4]}") == 1
