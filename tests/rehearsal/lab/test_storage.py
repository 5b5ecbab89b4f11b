"""Storage on real machines: real Ceph, its file system on all, block devices, objects. In this order."""

import json

import pytest

from rehearsal.machines import machine
from rehearsal.machines.shell import wait_until
from tests.rehearsal.lab import cluster
from tests.rehearsal.lab.cluster import HOMES, MOUNT
from tests.rehearsal.lab.lab import Lab

pytestmark = pytest.mark.rehearsal
MESH = {"leviathan": "10.88.0.1", "absis": "10.88.0.2", "nimbus": "10.88.0.3"}


def test_the_first_up_ends_with_a_healthy_cluster(made: str, lab: Lab) -> None:
    assert "the cluster is healthy: 5 OSDs" in made
    cluster.await_health(lab)


@pytest.mark.faults
@pytest.mark.parametrize("writer", ["leviathan", "absis", "laptop"])
def test_a_file_written_on_one_is_readable_on_all(lab: Lab, writer: str) -> None:
    path = f"{MOUNT}/media/of-{writer}"
    done = lab.inside(writer, "sh", "-c", f"echo hello from {writer} >{path} && sync {path}")
    assert done.returncode == 0, done.stderr
    for reader in (*HOMES, "laptop"):
        assert lab.inside(reader, "cat", path).stdout == f"hello from {writer}\n", reader


def test_the_laptop_reaches_what_is_shared_and_nothing_else(lab: Lab) -> None:
    assert lab.inside("laptop", "ls", MOUNT).stdout.split() == ["media"]
    whole = ("timeout", "20", "ceph-fuse", "--id", "mesh.laptop", "--client_fs", "archive", "-r", "/", "/mnt")
    assert lab.inside("laptop", *whole).returncode != 0
    assert lab.inside("laptop", "timeout", "20", "ceph", "--id", "mesh.laptop", "auth", "ls").returncode != 0


def test_nothing_can_be_written_below_a_mount_that_is_not_there(lab: Lab) -> None:
    """A pod that started before the mount wrote to the machine's own disk, and the mount never came."""
    unit = "homelab-mount-srv-archive"
    assert lab.inside("absis", "systemctl", "stop", unit).returncode == 0
    try:
        written = lab.inside("absis", "mkdir", f"{MOUNT}/apps")
        assert "Operation not permitted" in written.stderr
        assert lab.inside("absis", "sh", "-c", f"chattr -i {MOUNT}; echo film >{MOUNT}/film").returncode == 0
        assert lab.inside("absis", "systemctl", "start", unit).returncode != 0
        said = lab.inside("absis", "journalctl", "--unit", unit, "--lines=20").stdout
        assert f"{MOUNT} has files of its own" in said and f"chattr -i {MOUNT}" in said
        assert lab.inside("absis", "sh", "-c", f"chattr -i {MOUNT}; cat {MOUNT}/film; rm {MOUNT}/film").stdout == "film\n"
    finally:
        lab.inside("absis", "systemctl", "start", unit)
    cluster.await_mounts(lab, "absis")


def test_a_block_device_is_written_and_read_back(lab: Lab) -> None:
    script = """set -e
    head -c 20000000 /dev/urandom >/root/image
    rbd import --no-progress /root/image block/tried
    rbd export --no-progress block/tried /root/back
    cmp /root/image /root/back
    rbd rm --no-progress block/tried
    rm /root/image /root/back"""
    done = lab.inside("leviathan", "sh", "-c", script)
    assert done.returncode == 0, done.stderr


def test_an_object_is_written_at_one_gateway_and_read_at_the_other(lab: Lab) -> None:
    wrote = cluster.object_storage(lab, MESH["leviathan"], ("PUT", "/tried", ""), ("PUT", "/tried/one", "hello"))
    read = cluster.object_storage(lab, MESH["absis"], ("GET", "/tried/one", ""))
    assert [line.split()[0] for line in wrote] == ["200", "200"] and read == ["200 hello"]
    gone = cluster.object_storage(lab, MESH["absis"], ("DELETE", "/tried/one", ""), ("DELETE", "/tried", ""))
    assert [line.split()[0] for line in gone] == ["204", "204"]


def test_a_second_up_changes_nothing_and_touches_no_daemon(lab: Lab) -> None:
    before = {name: cluster.processes(lab, name) for name in MESH}
    assert any("ceph-osd@" in unit for unit in before["absis"]) and any("ceph-mon@" in unit for unit in before["nimbus"])
    lab.up("--expect-no-changes")
    assert {name: cluster.processes(lab, name) for name in MESH} == before


@pytest.mark.faults
def test_every_script_run_again_touches_no_daemon(lab: Lab) -> None:
    before = {name: cluster.processes(lab, name) for name in MESH}
    names = [one["urn"] for one in lab.state()["deployment"]["resources"] if "::storage-" in one["urn"]]
    lab.up(*[word for urn in names for word in ("--replace", urn)])
    assert {name: cluster.processes(lab, name) for name in MESH} == before


def test_nothing_of_ceph_listens_outside_of_the_mesh(lab: Lab) -> None:
    for name in MESH:
        lines = lab.inside(name, "ss", "-Hltnp").stdout.splitlines()
        ceph = [line.split()[3] for line in lines if "ceph" in line or "radosgw" in line]
        assert ceph and {address.rpartition(":")[0] for address in ceph} == {MESH[name]}, lines


def test_the_rented_monitor_votes_and_never_leads_and_has_no_admin_key(lab: Lab) -> None:
    quorum = json.loads(lab.inside("leviathan", "ceph", "quorum_status").stdout)
    assert {*quorum["quorum_names"]} == {*MESH} and quorum["quorum_leader_name"] in HOMES
    assert lab.inside("nimbus", "ls", "/etc/ceph").stdout.split() == ["ceph.conf", "rbdmap"]


def test_no_key_of_ceph_shows_in_a_command_line(lab: Lab) -> None:
    keys = [line.split()[-1] for line in lab.inside("leviathan", "ceph", "auth", "ls").stdout.splitlines() if "key: " in line]
    assert len(keys) > 10
    for name in (*MESH, "laptop"):
        shown = lab.inside(name, "sh", "-c", "cat /proc/*/cmdline | tr '\\0' ' '").stdout
        assert "ceph" in shown and not [key for key in keys if key in shown]


@pytest.mark.faults
@pytest.mark.parametrize("name", ["absis", "leviathan", "nimbus"])
def test_checksums_survive_the_reboot_of_a_machine_while_another_writes(lab: Lab, name: str) -> None:
    writer = "absis" if name == "leviathan" else "leviathan"
    cluster.write_once(lab, writer, f"big-{name}", 200)
    with cluster.writing(lab, writer, f"reboot-{name}"):
        machine.stop(lab.machine(name))
        machine.boot(lab.machine(name))
        seen = cluster.written(lab, writer, f"reboot-{name}")
        wait_until(lambda: cluster.written(lab, writer, f"reboot-{name}") > seen + 3, 120, lambda: "writing does not go on")
    cluster.await_mounts(lab, *HOMES)
    cluster.await_health(lab)
    for reader in HOMES:
        assert cluster.check(lab, reader, f"big-{name}") == 1
        assert cluster.check(lab, reader, f"reboot-{name}") > seen
