"""Ceph in the whole program: what waits for what, and who gets which key."""

import json

from tests.graph import nothing_runs, stack_graph


def test_no_key_of_a_storage_user_stands_outside_a_secret(graph):
    for name, node in graph.nodes.items():
        assert "KEY of machine." not in node.plain and "KEY of mesh." not in node.plain, name
    assert "KEY of machine.absis" in graph["storage-mount-absis"].inputs["stdin"]


def test_no_disk_is_touched_before_every_ledger_of_every_machine_has_been_read(graph):
    ledgers = {*graph.names("storage-ledger-*")}
    assert len(ledgers) == 2
    for name in graph.names("storage-osd-*") + graph.names("storage-monitor-*"):
        assert ledgers <= graph.before(name), name


def test_a_ledger_is_read_before_anything_of_ceph_is_installed_or_made(graph):
    for name in graph.names("storage-ledger-*"):
        assert not [other for other in graph.before(name) if other.startswith("storage-")], name


def test_every_disk_is_a_resource_of_its_own_that_says_which_disk_is_taken(dev):
    disk = dev["storage-osd-lev_1"].inputs
    assert "storage/osd take virtio-lev-1 serial LEV-1 size 5GB" in disk["create"]


def test_a_disk_more_renames_no_other_and_touches_nothing_of_it(run):
    def add(said):
        said["homelab:machines"]["absis"]["disks"].insert(0, {"id": "virtio-abs-9", "serial": "ABS-9", "size": "5GB", "bay": 9})

    before, after = stack_graph("dev"), run(change=add)
    disks = before.names("storage-osd-*")
    assert {*after.names("storage-osd-*")} - {*disks} == {"storage-osd-abs_9"}
    assert all(before[name].inputs["create"] == after[name].inputs["create"] for name in disks)


def test_ceph_is_made_on_the_mesh_and_judged_when_everything_is_mounted(dev):
    assert {*dev.names("mesh-probe-*")} <= dev.before("storage-monitor-nimbus")
    assert {*dev.names("storage-mount-*"), *dev.names("storage-gateway-*"), *dev.names("storage-osd-*")} <= dev.before("storage-health")


def test_without_storage_nothing_of_it_is_registered(run):
    graph = run(change=lambda said: (nothing_runs(said), said.pop("homelab:storage")))
    assert graph.names("storage-*") == [] and graph.outputs["storage"] == {}
    assert "/etc/ceph/ceph.conf" not in graph.outputs["clients"]["laptop"]["files"]


def test_a_laptop_gets_the_key_of_its_own_user_only(dev):
    files = dev.outputs["clients"]["laptop"]["files"]
    assert json.loads(files["/etc/homelab/storage.json"])["mounts"] == {"/media": "/srv/archive/media"}
    assert "KEY of mesh.laptop" in files["/etc/ceph/ceph.client.mesh.laptop.keyring"]
    assert "/usr/local/lib/homelab/storage/mount" in files and "KEY of machine" not in json.dumps(files)
