"""The storage as planned: who runs what, and the documents that the scripts read."""

import json
import subprocess
import sys

import pytest
from pydantic import SecretStr

from components.plan import plan
from components.storage import packages
from components.storage.layout import monitors, safe
from config.ceph import CephKeys, new_fsid, new_key
from config.load import read
from tests.components.releases.lab import nothing_runs
from tests.graph import ROOT

FSID, MON, ADMIN = new_fsid(), new_key(), new_key()


def planned(stack="dev", **storage):
    homelab = read(stack)
    keys = CephKeys(fsid=FSID, mon_key=SecretStr(MON), admin_key=SecretStr(ADMIN))
    said = homelab.storage.model_copy(update=storage)
    identities = homelab.identities.model_copy(update={"ceph": keys if said.filesystem else None})
    nothing = {} if said.filesystem else nothing_runs(homelab)
    return plan(homelab.model_copy(update={**nothing, "storage": said, "identities": identities})).storage


@pytest.fixture(scope="module")
def dev():
    return planned()


def test_all_machines_vote_and_the_rented_one_never_leads(dev):
    assert [*dev.roles.monitors] == ["leviathan", "absis", "nimbus"] and [*dev.roles.disallowed] == ["nimbus"]


def test_home_machines_run_everything_else(dev):
    home = ["leviathan", "absis"]
    assert dev.roles.managers == dev.roles.metadata_servers == dev.roles.gateways == [*dev.roles.hosts] == home


def test_what_concerns_the_whole_cluster_is_said_at_the_first_own_machine(dev):
    assert dev.first == "leviathan"


def test_a_large_lab_has_five_monitors_one_of_them_rented():
    homelab = read("home")
    own, rented = homelab.machines["absis"], homelab.machines["nimbus"]
    machines = {**{f"own{i}": own for i in range(6)}, **{f"rented{i}": rented for i in range(3)}}
    assert monitors(homelab.model_copy(update={"machines": machines})) == ["own0", "own1", "own2", "own3", "rented0"]
    few = {"own0": own, "own1": own, **{f"rented{i}": rented for i in range(5)}}
    assert len(monitors(homelab.model_copy(update={"machines": few}))) == 5


def test_a_disk_is_named_by_its_serial_wherever_it_is_and_whatever_stands_beside_it(dev):
    before = {osd.serial: osd.key for osd in planned("home").osds.values()}
    homelab = read("home")
    leviathan, absis = homelab.machines["leviathan"], homelab.machines["absis"]
    moved = {"leviathan": leviathan.model_copy(update={"disks": leviathan.disks[1:]})}
    moved["absis"] = absis.model_copy(
        update={"disks": (leviathan.disks[0].model_copy(update={"bay": "9"}), *reversed(absis.disks)), "memory": leviathan.memory}
    )
    after = plan(homelab.model_copy(update={"machines": {**homelab.machines, **moved}})).storage
    assert {osd.serial: osd.key for osd in after.osds.values()} == before
    assert [osd.key for osd in dev.osds.values()] == ["lev_1", "lev_2", "lev_3", "abs_1", "abs_2"]
    assert safe("WD-WCC7K.0000001") == "wd_wcc7k_0000001"


def test_a_preview_says_in_words_which_disk_would_be_taken(dev):
    assert [*dev.osd_arguments("LEV-1")] == ["take", "virtio-lev-1", "serial", "LEV-1", "size", "5GB"]


def test_the_ledger_names_exactly_the_disks_of_its_machine(dev):
    said = json.loads(dev.ledger_document("absis"))
    assert said == {
        "fsid": FSID,
        "disks": [
            {"id": "virtio-abs-1", "serial": "ABS-1", "size": 5 * 10**9, "bay": "1"},
            {"id": "virtio-abs-2", "serial": "ABS-2", "size": 5 * 10**9, "bay": "2"},
        ],
    }


@pytest.mark.parametrize(
    ("machine", "golden"), [("leviathan", "leviathan.ceph.conf"), ("nimbus", "nimbus.ceph.conf"), (None, "laptop.ceph.conf")]
)
def test_the_configuration_file_is_exactly_this(dev, machine, golden):
    assert dev.ceph_conf(machine).replace(FSID, "FSID") == (ROOT / "tests/golden" / golden).read_text()


def test_the_secure_switch_encrypts_all_three_kinds_of_traffic():
    conf = planned(secure=True).ceph_conf(None)
    assert all(f"ms {kind} mode = secure" in conf for kind in ("cluster", "service", "client"))


def test_the_admin_key_stays_on_machines_at_home_only(dev):
    said = {name: json.loads(dev.monitor_document(name)) for name in dev.machines}
    assert {name: document["keepAdminKey"] for name, document in said.items()} == {"leviathan": True, "absis": True, "nimbus": False}
    assert all(document["monKey"] == MON and document["monitor"] for document in said.values())
    assert said["absis"]["monmap"] == {"leviathan": "10.88.0.1", "absis": "10.88.0.2", "nimbus": "10.88.0.3"}


def test_memory_of_disks_is_set_by_machine_so_that_it_changes_without_a_restart(dev):
    options = json.loads(dev.cluster_document())["options"]
    assert options["osd/host:absis"] == {"osd_memory_target": str(dev.budgets["absis"].osd_target)}
    assert options["mon"]["auth_allow_insecure_global_id_reclaim"] == "false"
    assert options["global"]["osd_pool_default_pg_autoscale_mode"] == "off"
    assert {json.loads(dev.osd_document(serial))["memoryTarget"] for serial in ("ABS-1", "ABS-2")} == {dev.budgets["absis"].osd_target}


def test_every_pool_has_its_own_number_of_placement_groups_size_and_least_size(dev):
    said = json.loads(dev.pools_document())
    assert all(pool["pgs"] and pool["size"] == 2 and pool["min_size"] == 1 for pool in said["pools"])
    assert {said["filesystem"]["metadata"], said["filesystem"]["data"], said["block"]} <= {pool["name"] for pool in said["pools"]}


def test_each_user_may_do_no_more_than_its_work(dev):
    caps = {name: dict(user.caps) for name, user in dev.users.items()}
    assert caps["backups"]["mds"] == "allow rw fsname=archive path=/backups"
    assert caps["mesh.laptop"]["mds"] == "allow rw fsname=archive path=/media"
    assert caps["kubernetes-block"] == {"mon": "profile rbd", "mgr": "profile rbd pool=block", "osd": "profile rbd pool=block"}
    assert set(caps) == {"machine.leviathan", "machine.absis", "mesh.laptop", "backups", "kubernetes-filesystem", "kubernetes-block"}
    assert not [name for name, granted in caps.items() if "allow *" in granted.values()]


def test_machines_mount_all_and_a_laptop_what_is_shared(dev):
    keys = {name: f"key of {name}" for name in dev.users}
    mine = json.loads(dev.mount_document("absis", keys))
    assert mine["mounts"] == {"/": "/srv/archive"} and mine["key"] == "key of machine.absis"
    files = dev.client_files("laptop", keys)
    assert json.loads(files["/etc/homelab/storage.json"])["mounts"] == {"/media": "/srv/archive/media"}
    assert files["/etc/ceph/ceph.client.mesh.laptop.keyring"] == "[client.mesh.laptop]\n\tkey = key of mesh.laptop\n"
    assert not [text for text in files.values() if "machine.absis" in text or ADMIN in text]


def test_where_nothing_is_shared_a_laptop_gets_nothing():
    files = planned().storage.filesystem.model_copy(update={"shared": ()})
    found = planned(filesystem=files)
    assert found.client_files("laptop", {}) == {} and "mesh.laptop" not in found.users


def test_gateways_listen_on_mesh_addresses(dev):
    assert json.loads(dev.gateway_document("absis")) == {
        "name": "absis", "enabled": True, "address": "10.88.0.2", "port": 7480, "user": "homelab",
    }  # fmt: skip
    assert not json.loads(planned(object=None).gateway_document("absis"))["enabled"]


def test_the_rented_machine_gets_a_monitor_s_packages_only(dev):
    assert dev.packages_of("nimbus") == ["ceph-common", "ceph-mon"]
    assert {"ceph-osd", "ceph-mgr", "ceph-mds", "radosgw", "ceph-fuse"} <= {*dev.packages_of("absis")}


def test_upstream_packages_are_pinned_to_a_release_and_a_key():
    source = planned(packages="tentacle").package_source
    assert source.url == "https://download.ceph.com/debian-20.2.5/" and source.suites["debian-12"] == "bookworm"
    assert len(packages.FINGERPRINT) == 40 and "debian-13" not in source.versions


def test_without_a_file_system_there_is_no_ceph_and_still_a_budget():
    found = planned(filesystem=None, block=None, object=None)
    assert not found.enabled and not found.osds and not found.users and not found.machines and not found.warnings
    assert found.packages_of("leviathan") == [] and found.system_reserved("absis") > 0


def test_documents_without_secrets_hold_no_key_and_a_printed_plan_shows_none(dev):
    serial, name = "LEV-1", "leviathan"
    texts = [dev.ledger_document(name), dev.cluster_document(), dev.daemons_document(name), dev.osd_document(serial)]
    texts += [dev.pools_document(), dev.gateway_document(name), dev.health_document(), dev.ceph_conf(name), repr(dev)]
    assert not [text for text in texts if MON in text or ADMIN in text]


def test_documents_are_the_same_however_often_they_are_made(dev):
    assert planned().cluster_document() == dev.cluster_document() and planned().pools_document() == dev.pools_document()


@pytest.mark.parametrize("module", ["plan", "check", "report"])
def test_the_plan_imports_without_the_engine(module):
    code = f"import sys; sys.modules.update(pulumi=None, pulumi_command=None, ediri_vultr=None); import components.storage.{module}"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True).stderr == ""
