"""Which archive is meant, and what of it takes whose place."""

from datetime import datetime

import pytest

LIST = {"1": ("m-1", datetime(2026, 1, 30, 3).timestamp()), "2": ("m-2", datetime(2026, 1, 31, 3).timestamp())}
LIST |= {"3": ("m-3.checkpoint", datetime(2026, 2, 1, 3).timestamp())}


@pytest.mark.parametrize(
    ("wanted", "name"), [("latest", "m-2"), ("m-1", "m-1"), ("2026-01-30", "m-1"), ("2026-01-31T02:00", "m-1"), ("2026-02-05", "m-2")]
)
def test_an_archive_is_found_by_name_or_date_and_never_half_a_one(modules, wanted, name):
    assert modules.archives.choose(LIST, wanted) == name


@pytest.mark.parametrize(
    ("wanted", "said"), [("2026-01-29", "no archive is as old"), ("m-9", "neither an archive"), ("m-3.checkpoint", "neither")]
)
def test_what_is_no_archive_is_told_with_those_that_are(modules, wanted, said):
    with pytest.raises(modules.toolkit.Problem, match=said):
        modules.archives.choose(LIST, wanted)
    with pytest.raises(modules.toolkit.Problem, match="there is no archive yet"):
        modules.archives.choose({"3": LIST["3"]}, "latest")


MORNING = datetime(2026, 1, 30, 12).timestamp()


@pytest.mark.parametrize(("wanted", "name"), [("2026-01-30", "m-1"), ("m-1", "m-1"), ("m-2", "m-2")])
def test_a_system_is_restored_from_before_its_installation_or_by_an_exact_name(modules, wanted, name):
    assert modules.archives.of_before(LIST, wanted, MORNING) == name
    assert modules.archives.of_before(LIST, "latest", float("inf")) == "m-2"


@pytest.mark.parametrize("wanted", ["latest", "2026-01-31"])
def test_the_empty_system_that_was_backed_up_at_night_does_not_pass_for_the_lost_one(modules, wanted):
    with pytest.raises(modules.toolkit.Problem, match=r"m-2, which the installation .* from before it there are m-1. `backup/list`"):
        modules.archives.of_before(LIST, wanted, MORNING)
    with pytest.raises(modules.toolkit.Problem, match="from before it there is none"):
        modules.archives.of_before(LIST, wanted, 0)


def test_since_when_an_installation_is_backed_up_is_noted_once(modules, tmp_path):
    places = modules.toolkit.Places(tmp_path)
    assert modules.installation.since(places) == float("inf")
    modules.installation.note(places)
    first = modules.installation.since(places)
    modules.installation.note(places)
    assert modules.installation.since(places) == first < float("inf") and modules.system.stays("var/lib/homelab/installed.json")


@pytest.mark.parametrize(
    ("path", "stays"),
    [
        ("boot/vmlinuz", True), ("etc/fstab", True), ("etc/fstab.d/x", False), ("etc/ssh/sshd_config", False),
        ("etc/ssh/ssh_host_ed25519_key", True),
        ("var/lib/ceph/mon/ceph-a/store.db", True), ("etc/systemd/system/homelab-backup.timer", True), ("etc/passwd", False),
        ("etc/systemd/system/multi-user.target.wants/homelab-mesh0.service", True), ("etc/systemd/system/mine.service", False),
        ("etc/systemd/system/kubelet.service.d/homelab.conf", True), ("usr/local/bin/kubectl", True), ("usr/local/bin/mine", False),
        ("home/ann/notes", False), ("root/.ssh/authorized_keys", True), ("root/.ssh/id_ed25519", False), ("usr/lib/modules/6/x.ko", False),
        ("etc/tinc/homelab/rsa_key.priv", True), ("etc/tinc/other/tinc.conf", False), ("var/lib/etcd/member", True), ("opt/app", False),
    ],
)  # fmt: skip
def test_hardware_and_what_up_has_made_stay_and_everything_else_comes_back(modules, path, stays):
    assert modules.system.stays(path) is stays


def test_old_files_take_their_places_as_a_whole_and_what_the_archive_has_not_stays(modules, tmp_path):
    new, root = tmp_path / "staging", tmp_path / "root"
    for folder, name, text in (
        (new, "etc/conf", "old"),
        (new, "opt/deep/app", "app"),
        (root, "etc/conf", "fresh"),
        (root, "etc/other", "stays"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (root / "usr/lib").mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    (new / "lib").symlink_to("usr/lib")
    (new / "usr/lib").mkdir(parents=True)
    (new / "usr/lib/x.so").write_text("x")
    (new / "etc/now-a-file").write_text("file")
    (root / "etc/now-a-file").mkdir()
    (root / "etc/now-a-file/inside").write_text("inside")
    (new / "opt/deep").chmod(0o700)
    assert modules.system.settle(new, root) == 5
    assert (root / "etc/conf").read_text() == "old" and (root / "etc/other").read_text() == "stays"
    assert (root / "lib").is_symlink() and (root / "lib/x.so").read_text() == "x"
    assert (root / "etc/now-a-file").read_text() == "file" and (root / "etc/now-a-file.before-restore/inside").read_text() == "inside"
    assert (root / "opt/deep").stat().st_mode & 0o777 == 0o700


def test_owners_are_followed_by_their_names(modules):
    fresh, old = "root:x:0:0::/:\nceph:x:64045:64045::/:\netcd:x:998:998::/:\nnew:x:997:997::/:\n", "root:x:0:0::/:\netcd:x:105:110::/:\n"
    assert modules.system.renumbered(modules.system.numbers(fresh), modules.system.numbers(old)) == {998: 105}
    assert modules.system.missing(fresh, old) == ["ceph:x:64045:64045::/:", "new:x:997:997::/:"]
