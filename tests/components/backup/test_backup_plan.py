"""The backups as planned: who by which way, what each script is told, and what people are told."""

import json
from dataclasses import replace

import pytest

from components.backup.place import DIRECTORY
from components.backup.plan import UID, BackupPlan
from components.backup.report import document, text
from components.plan import plan
from config.applications import Mount
from config.backup import Backup
from config.load import read
from config.model import Homelab


def planned(stack: str = "dev", **said: object) -> BackupPlan:
    homelab = read(stack)
    return plan(homelab.model_copy(update={"backup": homelab.backup.model_copy(update=said)})).backup


@pytest.fixture(scope="module")
def dev() -> BackupPlan:
    return planned()


def test_home_machines_use_their_mount_and_all_others_come_by_ssh(dev: BackupPlan) -> None:
    assert {name: member.way for name, member in dev.members.items()} == {
        "leviathan": "mount",
        "absis": "mount",
        "nimbus": "ssh",
        "laptop": "ssh",
    }
    assert dev.repository("absis") == "/srv/archive/backups/absis"
    assert dev.repository("nimbus") == "ssh://homelab-backup/srv/archive/backups/nimbus"
    assert dev.remote == ["nimbus"] and dev.clients == ["laptop"] and dev.keepers == ["leviathan", "absis"]


def with_oak(**said: object) -> BackupPlan:
    """With another own machine, which comes first and has no disks."""
    homelab = read("dev")
    machines = {"oak": homelab.machines["absis"].model_copy(update={"disks": (), **said}), **homelab.machines}
    mesh = homelab.mesh.model_copy(update={"addresses": {**homelab.mesh.addresses, "oak": homelab.mesh.addresses["absis"] + 9}})
    phrases = {**homelab.identities.backup_passphrases, "oak": homelab.identities.backup_passphrases["absis"]}
    identities = homelab.identities.model_copy(update={"backup_passphrases": phrases})
    from components.backup.plan import plan as backup
    from components.kubernetes.plan import plan as kubernetes
    from components.storage.plan import plan as storage

    changed = Homelab.model_construct(**{**dict(homelab), "machines": machines, "mesh": mesh, "identities": identities})
    return backup(changed, storage(changed), kubernetes(changed))


def test_an_own_machine_without_disks_has_no_mount_and_comes_by_ssh_too() -> None:
    found = with_oak(control_plane=False)
    assert found.members["oak"].way == "ssh" and "oak" not in found.keepers and {*found.remote} == {"nimbus", "oak"}


def test_who_comes_by_ssh_knows_both_home_machines_by_their_mesh_addresses_and_pinned_keys(dev: BackupPlan) -> None:
    entries = json.loads(dev.setup_document("nimbus"))["entries"]
    assert [(one["address"], one["port"]) for one in entries] == [("10.88.0.1", 22), ("10.88.0.2", 22)]
    assert all(one["key"].startswith("ssh-ed25519 ") for one in entries) and json.loads(dev.setup_document("absis"))["entries"] == []


def test_a_key_may_come_from_its_own_mesh_address_only(dev: BackupPlan) -> None:
    said = json.loads(dev.keeper_document({"nimbus": "ssh-ed25519 N\n"}))
    assert said["keys"]["nimbus"] == {"key": "ssh-ed25519 N", "from": "10.88.0.3"} and said["keys"]["laptop"]["from"] == "10.88.0.50"
    assert said["uid"] == UID and {name: one["remote"] for name, one in said["repositories"].items()} == {
        "leviathan": False,
        "absis": False,
        "nimbus": True,
        "laptop": True,
    }


def test_whoever_was_taken_out_is_retired_with_its_passphrase_and_without_its_key() -> None:
    homelab = read("dev")
    few = planned(machines=("leviathan",), clients=())
    said = json.loads(few.keeper_document({}))
    assert {*said["retired"]} == {"absis", "nimbus", "laptop"} and {*said["repositories"]} == {"leviathan"} and said["keys"] == {}
    assert said["retired"]["absis"] == homelab.identities.backup_passphrases["absis"].get_secret_value()
    assert json.loads(planned().keeper_document({"nimbus": ""}))["retired"] == {}


def test_the_configuration_reaches_the_scripts_in_their_units(dev: BackupPlan) -> None:
    setup, keeper, made = (
        json.loads(one) for one in (dev.setup_document("absis"), dev.keeper_document({"nimbus": ""}), dev.repositories_document("KEY"))
    )
    assert setup["schedule"] == {"at": "*-*-* 02:30", "spread": 1800} and setup["limits"]["upload"] == 4_000_000
    assert keeper["keep"] == {"daily": 3, "weekly": 2, "monthly": 1, "yearly": 0} and keeper["checks"]["data"] == 60 * 86400
    assert made["quota"] == 6_000_000_000 and made["gid"] == UID


def test_snapshots_are_made_by_home_members_of_etcd_and_a_restore_knows_all_members(dev: BackupPlan) -> None:
    assert dev.snapshotters == ["leviathan", "absis"] and dev.runner == "leviathan"
    said = json.loads(dev.snapshots_document("absis"))
    assert said["member"] and said["folder"] == "/srv/archive/backups/etcd" and said["every"] == 6 * 3600
    assert {*said["members"]} == {"leviathan", "absis", "nimbus"} and said["members"]["nimbus"]["address"] == "10.88.0.3"


def test_a_runner_without_the_mount_knows_the_home_machines_that_have_the_snapshots() -> None:
    found = with_oak(control_plane=True)
    assert found.runner == "oak" and found.copying == ["leviathan", "absis", "oak"]
    said = json.loads(found.snapshots_document("oak"))
    assert not said["member"] and {*said["keepers"]} == {"leviathan", "absis"} and {*said["members"]} == {*found.keepers, "nimbus", "oak"}


def test_a_laptop_gets_the_scripts_and_its_own_document(dev: BackupPlan) -> None:
    files = dev.client_files("laptop")
    assert {"/usr/local/lib/homelab/backup/run", "/usr/local/lib/homelab/backup/toolkit.py"} <= {*files}
    assert json.loads(files["/etc/homelab/backup/backup.json"])["repository"] == dev.repository("laptop")


def test_the_plan_says_loudly_that_one_file_system_is_not_off_site(dev: BackupPlan) -> None:
    assert "NOT OFF SITE" in text(dev).splitlines()[0] and dev.warnings[0].startswith("ONE CephFS IS NOT OFF SITE")
    assert "leviathan and absis at home" in dev.warnings[0] and document(dev)["warnings"] == [*dev.warnings]


def test_the_report_says_who_stores_what_by_which_way_when_and_for_how_long(dev: BackupPlan) -> None:
    said = text(dev)
    assert "by SSH over the mesh to leviathan or absis, can only add" in said and "by its mount" in said
    assert "3 daily, 2 weekly, 1 monthly; pruned by leviathan or absis" in said and "every 6h, 8 stay" in said


def test_the_report_says_what_is_not_encrypted(dev: BackupPlan) -> None:
    assert "encrypted but for etcd's snapshots and the manifests" in text(dev).splitlines()[0]
    assert "encrypted but for the manifests" in text(replace(dev, snapshotters=())).splitlines()[0]


def test_what_is_always_left_out_is_told_with_what_is_by_configuration() -> None:
    said = text(planned(excludes=("/var/lib/scratch",)))
    assert all(what in said for what in ("/var/lib/scratch, ", "/mnt and /media", "FUSE", ".nobackup", "CACHEDIR.TAG"))


def test_what_is_not_backed_up_is_told() -> None:
    said = planned(machines=("leviathan",), clients=(), quota=None)
    assert any("Not backed up: absis, nimbus, laptop." in line for line in said.warnings)
    assert any("No quota" in line for line in said.warnings) and any("(apps, media) is in no backup" in line for line in said.warnings)


def test_an_application_that_may_read_the_backups_is_warned_of() -> None:
    homelab = read("dev")
    told = {"path": f"{DIRECTORY}/etcd", "mountPath": "/copies"}
    plex = homelab.applications["plex"].model_copy(update={"mounts": (Mount.model_validate(told),)})
    found = plan(homelab.model_copy(update={"applications": {**homelab.applications, "plex": plex}})).backup.warnings
    assert any(line.startswith("plex may read backups/etcd: the backups.") for line in found)
    assert not any("may read" in line for line in planned().warnings)


def test_without_a_schedule_there_is_nothing() -> None:
    homelab = read("dev")
    bare = plan(homelab.model_copy(update={"backup": Backup.model_validate({})})).backup
    assert (
        not bare.enabled and text(bare) == "" and document(bare) == {} and not bare.members and not bare.warnings and not bare.snapshotters
    )


def test_a_printed_plan_shows_no_passphrase(dev: BackupPlan) -> None:
    assert "passphrase=SecretStr('**********')" in repr(dev)
