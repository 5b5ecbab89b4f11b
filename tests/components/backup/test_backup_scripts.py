"""What the backup scripts compute: nothing of it needs Borg, root or a machine."""

import contextlib
import hashlib
import json
import os
import random
import struct
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.document import ROOT

MOUNTINFO = """
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
23 22 0:20 / /proc rw - proc proc rw
24 22 0:21 / /run rw - tmpfs tmpfs rw
25 22 8:2 / /boot rw - ext4 /dev/sda2 rw
26 25 8:3 / /boot/efi rw - vfat /dev/sda3 rw
27 22 8:17 / /srv/films\\040and\\040more rw - xfs /dev/sdb1 rw
28 22 0:50 / /srv/archive rw - fuse.ceph-fuse ceph-fuse rw
29 22 8:1 /opt/x /opt/bound rw - ext4 /dev/sda1 rw
30 22 0:51 / /var/lib/ceph/osd/ceph-3 rw - tmpfs tmpfs rw
31 22 8:33 / /mnt/usb rw - ext4 /dev/sdc1 rw
32 22 252:0 / /var/lib/kubelet/pods/x/volumes/y rw - ext4 /dev/rbd0 rw
33 22 8:17 / /home/bound rw - xfs /dev/sdb1 rw
"""


def test_a_machine_s_own_file_systems_are_stored_each_once(modules):
    out = modules.sources.excludes(MOUNTINFO, [])
    assert modules.sources.sources(MOUNTINFO, out) == ["/", "/boot", "/boot/efi", "/srv/films and more"]


def stored(modules, *lines, more=()):
    """The roots for mounts as `DEVICE FOLDER WHERE KIND`."""
    fields = (line.split() for line in lines)
    text = "".join(
        f"{number} 1 {device} {folder} {where} rw - {kind} x rw\n" for number, (device, folder, where, kind) in enumerate(fields)
    )
    return modules.sources.sources(text, modules.sources.excludes(text, more))


@pytest.mark.parametrize(
    ("mounts", "roots"),
    [
        (["0:30 /@ / btrfs", "0:30 /@home /home btrfs", "0:30 /@log /var/log btrfs"], ["/", "/home", "/var/log"]),
        (["0:30 / / btrfs", "0:30 /home /home btrfs"], ["/", "/home"]),
        (["0:30 /@ / btrfs", "0:30 /@home /home btrfs", "0:30 /@home /var/home btrfs"], ["/", "/home"]),
        (["0:40 / / bcachefs", "0:40 /home /home bcachefs"], ["/", "/home"]),
    ],
)
def test_each_subvolume_is_a_file_system_of_its_own_though_all_have_one_device(modules, mounts, roots):
    assert stored(modules, *mounts) == roots


@pytest.mark.parametrize(
    ("mounts", "roots"),
    [
        (["8:1 / / ext4", "8:1 /opt/x /home/x ext4"], ["/"]),
        (["8:1 /debian / ext4", "8:1 /home /home ext4"], ["/"]),  # Borg goes into it: the same device
        (["8:1 / / ext4", "8:17 /a /home/a ext4", "8:17 / /srv/disk ext4"], ["/", "/srv/disk"]),
        (["8:1 / / ext4", "8:17 /a /home/a ext4", "8:17 /b /home/b ext4"], ["/", "/home/a", "/home/b"]),
        (["8:1 / / ext4", "8:17 / /mnt/disk ext4", "8:17 /home /home ext4"], ["/", "/home"]),
        (
            ["8:1 / / ext4", "8:17 / /d ext4", "8:17 /mnt /a ext4", "8:17 /b/c /e ext4", "8:33 / /d/b ext4"],
            ["/", "/d", "/d/b", "/e"],
        ),  # hidden
        (["8:1 / / ext4", "8:17 / /home/ann/disk ext4", "8:17 /data /data ext4"], ["/", "/data"]),  # where it also is, nothing is stored
    ],
)
def test_what_is_bound_is_stored_where_it_can_be_reached_and_once(modules, mounts, roots):
    assert sorted(stored(modules, *mounts, more=["/home/ann/disk"])) == roots


def test_what_is_mounted_below_srv_is_left_out_unless_it_is_a_disk_of_the_machine(modules):
    out = modules.sources.excludes(MOUNTINFO, ["/opt/scratch"])
    assert "/srv/archive" in out and "/srv/films and more" not in out and "/srv" not in out and "/opt/scratch" in out


@pytest.mark.parametrize("path", ["/var/lib/ceph/osd", "/var/lib/etcd", "/var/lib/containerd", "/proc", "/tmp", "/var/cache/apt/archives"])
def test_what_is_nobody_s_loss_or_kept_otherwise_is_always_left_out(modules, path):
    assert path in modules.sources.excludes(MOUNTINFO, [])


def test_the_how_to_names_all_that_is_always_left_out(modules):
    page = (ROOT / "docs/how-to/backups.md").read_text()
    told = page.partition("what never is\n")[2].partition("\n## ")[0]
    assert [path for path in (*modules.sources.ALWAYS, modules.manifest.MARK, modules.manifest.TAG) if f"`{path}`" not in told] == []


def test_a_folder_is_not_below_another_that_merely_begins_like_it(modules):
    assert modules.sources.below("/var/lib/etcd/member", "/var/lib/etcd") and not modules.sources.below("/var/lib/etcd-2", "/var/lib/etcd")


@pytest.fixture
def tree(tmp_path):
    for name, text in {"a/z": "z", "a-b": "ab", "a/b/c": "c", "skip/x": "x", "cache/y": "y", "marked/w": "w"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "cache/CACHEDIR.TAG").write_bytes(b"Signature: 8a477f597d28d172789f06886806bc55\n")
    (tmp_path / "marked/.nobackup").touch()
    (tmp_path / "link").symlink_to("a/z")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def made(modules, tree, before=()):
    return list(modules.manifest.lines([str(tree)], {str(tree / "skip")}, before))


def test_the_manifest_has_every_regular_file_that_borg_takes_and_no_other(modules, tree):
    assert [Path(line[0]).relative_to(tree).as_posix() for line in made(modules, tree)] == ["a/b/c", "a/z", "a-b"]


def test_a_file_that_has_not_changed_is_not_read_again(modules, tree, monkeypatch):
    before, read = made(modules, tree), []
    digest = modules.manifest.digest
    monkeypatch.setattr(modules.manifest, "digest", lambda path: (read.append(path), digest(path))[1])
    (tree / "a-b").write_text("other")
    (tree / "a/new").write_text("new")
    (tree / "a/b/c").unlink()
    after = made(modules, tree, before)
    assert read == [str(tree / "a/new"), str(tree / "a-b")] and after == made(modules, tree)


def test_a_manifest_is_written_as_a_whole_and_reads_back(modules, tree, tmp_path):
    place = tmp_path / "kept/manifest.jsonl"
    assert modules.manifest.write(place, [str(tree / "a")], set()) == 2
    with place.open() as lines:
        assert list(modules.manifest.parse(lines)) == list(modules.manifest.lines([str(tree / "a")], set(), ()))
    assert place.stat().st_mode & 0o077 == 0


def test_a_damaged_line_of_the_old_manifest_only_means_that_its_file_is_read_again(modules):
    good = '["/a",1,2,3,4,"x"]\n'
    assert list(modules.manifest.parse([good, "[1,2]\n", "{\n", good])) == [("/a", 1, 2, 3, 4, "x")] * 2


def test_files_with_names_that_are_no_text_are_in_the_manifest_too(modules, tmp_path):
    (tmp_path / os.fsdecode(b"\xff\xfe name")).write_text("x")
    place = tmp_path / "m/manifest.jsonl"
    modules.manifest.write(place, [str(tmp_path)], {str(place.parent)})
    with place.open() as lines:
        (line,) = modules.manifest.parse(lines)
    assert os.fsencode(line[0]).endswith(b"\xff\xfe name")


def test_restored_files_are_told_apart_as_good_changed_meanwhile_and_bad(modules, tree, tmp_path):
    chosen = made(modules, tree)
    scratch = tmp_path / "scratch"
    for line in chosen:
        target = scratch / line[0].lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(Path(line[0]).read_bytes())
        os.utime(target, ns=(line[2], line[2]))
    flipped, late = (scratch / chosen[index][0].lstrip("/") for index in (0, 1))
    flipped.write_text("C")
    os.utime(flipped, ns=(chosen[0][2], chosen[0][2]))
    late.write_text("later")
    assert modules.manifest.compare(scratch, chosen) == ([chosen[0][0]], [chosen[1][0]], 1)


def test_a_sample_takes_every_file_with_the_same_chance_and_none_that_is_too_large(modules):
    lines = [(f"/{number}", number, 0, 0, 0, "") for number in range(20)]
    times = dict.fromkeys(range(20), 0)
    for seed in range(2000):
        for line in modules.manifest.sample(lines, 5, 9, random.Random(seed)):
            times[line[1]] += 1
    assert all(850 < times[number] < 1150 for number in range(10)) and not any(times[number] for number in range(10, 20))


PUT, DELETE, COMMIT = 0, 1, 2
ONE, TWO, CATALOGUE = b"1" * 32, b"2" * 32, bytes(32)


def segment(path, *entries, cut=0):
    text = b"BORG_SEG"
    for tag, name, data in entries:
        body = (b"" if tag == COMMIT else name) + data
        text += struct.pack("<IIB", 0, 9 + len(body), tag) + body
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text[: len(text) - cut])


def test_what_a_backup_writes_takes_nothing_away(modules, tmp_path):
    segment(tmp_path / "data/0/1", (PUT, ONE, b"x" * 100), (COMMIT, b"", b""))
    segment(tmp_path / "data/0/3", (PUT, TWO, b"checkpoint"), (DELETE, CATALOGUE, b""), (PUT, CATALOGUE, b"list"), (DELETE, TWO, b""))
    segment(tmp_path / "data/1/1001", (COMMIT, b"", b""))
    written = list(modules.segments.since(tmp_path, 1))
    assert [tag for tag, _ in written] == [PUT, DELETE, PUT, DELETE, COMMIT] and modules.segments.gone(written) == set()


def test_a_deletion_and_an_overwriting_of_something_older_are_seen(modules, tmp_path):
    segment(tmp_path / "data/0/1", (PUT, ONE, b"x"), (PUT, TWO, b"y"), (COMMIT, b"", b""))
    segment(tmp_path / "data/0/2", (DELETE, ONE, b""), (DELETE, TWO, b""), (PUT, TWO, b"garbage"), (COMMIT, b"", b""))
    assert modules.segments.gone(modules.segments.since(tmp_path, 1)) == {ONE, TWO}


@pytest.mark.parametrize("cut", range(1, 9 + 32 + 4))
def test_what_a_crash_has_cut_off_is_no_entry(modules, tmp_path, cut):
    segment(tmp_path / "data/0/1", (PUT, ONE, b"good"), (PUT, TWO, b"half"), cut=cut)
    assert list(modules.segments.entries(tmp_path / "data/0/1")) == [(PUT, ONE)]


@pytest.mark.parametrize(
    "text", [b"SOMETHING ELSE", b"BORG_SEG" + struct.pack("<IIB", 0, 50, 9) + bytes(50), b"BORG_SEG" + struct.pack("<IIB", 0, 3, 0)]
)
def test_a_form_that_is_not_known_is_refused_and_not_guessed(modules, tmp_path, text):
    (tmp_path / "1").write_bytes(text)
    with pytest.raises(modules.segments.Unknown):
        list(modules.segments.entries(tmp_path / "1"))


def test_the_last_transaction_is_the_newest_index(modules, tmp_path):
    assert modules.segments.committed(tmp_path) == -1
    for name in ("index.5", "index.17", "index.17.tmp", "hints.99"):
        (tmp_path / name).touch()
    assert modules.segments.committed(tmp_path) == 17


NOW = 1_800_000_000.0
KNOWN = {"segment": 5, "archives": {"a": ["first", NOW - 200_000], "b": ["second", NOW - 100_000]}, "key": "KEY", "removing": None}
THERE = {"a": ("first", NOW - 200_000), "b": ("second", NOW - 100_000), "c": ("third", NOW - 10)}


def objections(modules, record=KNOWN, archives=THERE, key="KEY", gone=0, more=()):
    return modules.judge.objections(record, [*((one, *rest) for one, rest in archives.items()), *more], key, gone, NOW)


def test_a_repository_with_everything_that_was_there_may_be_pruned(modules):
    assert objections(modules) == [] and objections(modules, record=None, gone=5) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"archives": {"c": THERE["c"]}}, "2 archives are gone"),
        ({"gone": 3}, "3 objects of older archives are deleted or overwritten"),
        ({"key": "OTHER"}, "the key inside is another"),
        ({"archives": {**THERE, "d": ("late", NOW + 90_000)}}, "late is of the future"),
        ({"archives": {**THERE, "d": ("early", NOW - 150_000)}}, "early is new and calls itself older"),
        ({"archives": {**THERE, "a": ("first", NOW - 1e8)}}, "1 archives have another name or time than they had"),
        ({"archives": {**THERE, "a": ("first", NOW - 150_000)}}, "first, now first of 2027-01-13T14:20:00 instead of 2027-01-13T00:26:40"),
        ({"archives": {**THERE, "a": ("first", NOW - 203_600), "b": ("second", NOW - 96_400)}}, "2 archives have another name or time"),
        ({"archives": {**THERE, "b": ("second.checkpoint", NOW - 100_000)}}, "second, now second.checkpoint of"),
        ({"more": [("c", "other", NOW - 20)]}, "1 archives are listed under two names"),
    ],
)
def test_whatever_could_cost_an_archive_is_objected_to(modules, change, said):
    (objection,) = objections(modules, **change)
    assert said in objection


def test_a_keeper_that_was_cut_off_does_not_object_to_its_own_work_but_to_more(modules):
    half = {**KNOWN, "removing": ["a"]}
    assert objections(modules, half, {"b": THERE["b"]}, gone=7) == []
    (objection,) = objections(modules, half, {"c": THERE["c"]}, gone=7)
    assert "1 archives are gone" in objection and "second" in objection


def test_the_time_of_an_archive_is_its_own_wherever_and_whenever_it_is_read(modules, monkeypatch):
    """Of the hour that comes twice when summer time ends, and of a Borg that names the zone."""
    asked = []

    def borg(*argv, env, check):
        asked.append(env["TZ"])
        times = {"1": "2026-10-25T00:30:00.000000", "2": "2026-10-25T01:30:00.000000", "3": "2026-10-25T03:30:00.000000+01:00"}
        listed = [{"id": one, "name": one, "time": when} for one, when in times.items()]
        return subprocess.CompletedProcess([], 0, json.dumps({"archives": listed}), "")

    monkeypatch.setattr(modules.archives, "sh", borg)
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        found = modules.archives.archives("repository", {"TZ": "Europe/Berlin"})
    finally:
        monkeypatch.undo()
        time.tzset()
    assert asked == ["UTC"] and [when for _, when in found.values()] == [1_792_888_200, 1_792_891_800, 1_792_895_400]


def test_nothing_is_moved_aside_that_a_compaction_has_copied(script):
    record = {"segment": 7, "removing": None}
    assert script("rewind").hindrance(record, {5: Path("5"), 7: Path("7"), 9: Path("9")}) == ""
    assert "file 7 of its log is gone" in script("rewind").hindrance(record, {5: Path("5"), 9: Path("9")})
    assert "cut off" in script("rewind").hindrance({**record, "removing": ["none"]}, {7: Path("7")})


@pytest.fixture
def keeper(script, modules, tmp_path, monkeypatch):
    """`keep` of one repository with a Borg that says what `answers` has for it; every call is in `asked`."""
    keep = script("keep")
    shared, names, asked, answers = modules.toolkit.Shared(tmp_path), keep.keep.__globals__, [], {}

    def act(places, name, config, *words):
        asked.append(" ".join(words))
        if why := answers.get(words[0]):
            raise modules.toolkit.Problem(why)
        return ""

    shared.lock("m").parent.mkdir(parents=True)
    shared.lock("m").touch()
    listed = [("a", "first", NOW)]
    modules.toolkit.put(shared.record("m"), {**modules.judge.FRESH, "archives": {"a": ["first", NOW]}, "key": "KEY"})
    names |= {"act": act, "facts": lambda *_: (listed, "KEY", 0), "configuration": lambda *_: "", "committed": lambda _: 9}
    names |= {"archives": lambda *_: {"a": ("first", NOW)}, "forget_if_rewound": lambda *_: None}
    (tmp_path / "run/lock").mkdir(parents=True)

    def once(forced=False):
        asked.clear()
        with contextlib.suppress(modules.toolkit.Problem):
            keep.keep(modules.toolkit.Places(tmp_path), shared, {}, "m", forced)
        return list(asked), modules.toolkit.read(shared.record("m"))

    return once, answers


PRUNING = ["--verbosity 1 --dry-run prune --list", "prune", "compact", "check"]


def test_a_repository_that_failed_its_check_is_not_pruned_until_it_passes_and_not_tried_every_hour(keeper):
    once, answers = keeper
    answers["check"] = "chunks are missing"
    asked, record = once()
    assert asked == PRUNING and record["failed"] == "chunks are missing" and record["tried"] > time.time() - 60 and record["when"] == 0
    assert once() == ([], record)
    assert once(forced=True)[0] == ["check --force"]
    answers.clear()
    asked, record = once(forced=True)
    assert asked == ["check --force", *PRUNING] and record["failed"] == "" and record["when"] > 0
    assert once(forced=True)[0] == PRUNING


@pytest.mark.parametrize("act", ["prune", "compact"])
def test_a_pruning_that_failed_is_told_and_all_data_checked_before_the_next(keeper, act):
    once, answers = keeper
    answers[act] = "no space"
    record = once()[1]
    assert record["failed"] == "no space" and record["removing"] and once()[0] == []
    answers.clear()
    asked, record = once(forced=True)
    assert asked == ["check --only data --force", *PRUNING] and record["failed"] == "" and record["removing"] is None


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


def test_nothing_begins_when_backups_are_nearly_full_and_the_way_out_is_told(modules):
    assert modules.room.full({"used": 90, "most": 100}) == "" and modules.room.full({"used": 5, "most": 0}) == ""
    assert "homelab:backup.quota" in modules.room.full({"used": 95_100_000_000, "most": 100_000_000_000})


def test_a_folder_without_a_quota_is_as_full_as_its_file_system(modules, tmp_path):
    found = modules.room.room(tmp_path)
    assert 0 < found["used"] < found["most"]


def options(modules):
    return modules.borgmatic.keep("/srv/x/absis", "absis", {"daily": 7, "weekly": 0}, {"data": 60 * 86400, "repository": 3600}, 0o007)


def test_an_old_borgmatic_gets_sections_and_a_new_one_none(modules):
    old, new = (json.loads(modules.borgmatic.text(options(modules), version).partition("\n")[2]) for version in ((1, 7, 7), (1, 8, 3)))
    assert old["retention"] == {"prefix": "", "keep_daily": 7} and old["location"]["repositories"] == ["/srv/x/absis"]
    assert new["keep_daily"] == 7 and new["repositories"] == [{"path": "/srv/x/absis"}] and new["match_archives"] == "sh:*"
    assert not {"location", "prefix"} & {*new} and new["umask"] == old["storage"]["umask"] == 7
    assert new["checks"] == [{"name": "data", "frequency": "60 days"}, {"name": "repository", "frequency": "1 days"}]


def test_what_a_machine_may_send_a_second_is_in_borg_s_kibibytes(modules):
    made = modules.borgmatic.create("r", "absis", ["/"], ["/proc"], 4_000_000, "ssh")
    assert made["storage"]["upload_rate_limit"] == 3906 and made["location"]["exclude_patterns"] == ["pp:/proc"]
    assert made["storage"]["archive_name_format"] == "absis-{utcnow:%Y-%m-%dT%H:%M:%S}"


@pytest.mark.parametrize(("said", "found"), [("1.7.7\n", (1, 7, 7)), ("2.0.0", (2, 0, 0)), ("1.9.14.dev0", (1, 9, 14))])
def test_versions_compare_as_numbers(modules, said, found):
    assert modules.borgmatic.version(said) == found


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


def test_etcd_s_settings_are_read_with_and_without_quotes(modules):
    text = "# a comment\nETCD_NAME=etcd1\nETCDCTL_CACERT=\"/etc/ssl/etcd/ssl/ca.pem\"\nexport ETCD_DATA_DIR='/var/lib/etcd'\nnonsense\n"
    said = modules.etcdtools.settings(text)
    assert said == {"ETCD_NAME": "etcd1", "ETCDCTL_CACERT": "/etc/ssl/etcd/ssl/ca.pem", "ETCD_DATA_DIR": "/var/lib/etcd"}
    assert {name for name in modules.etcdtools.environment(said) if name.startswith("ETCD_")} == set()


def test_a_snapshot_with_a_flipped_bit_or_a_missing_end_is_not_whole(modules, tmp_path):
    content = os.urandom(3 << 20)
    path = tmp_path / "snapshot.db"
    path.write_bytes(content + hashlib.sha256(content).digest())
    assert modules.etcdtools.whole(path)
    for damaged in (b"x" + content[1:] + hashlib.sha256(content).digest(), content, content[:-512] + hashlib.sha256(content).digest(), b""):
        path.write_bytes(damaged)
        assert not modules.etcdtools.whole(path)


def test_only_the_oldest_of_our_own_snapshots_go(script, tmp_path):
    names = [f"etcd-2026-01-0{day}T00:00:00Z.db" for day in range(1, 6)]
    for name in (*names, "mine.db", "etcd-of-before.db"):
        (tmp_path / name).touch()
        (tmp_path / f"{name}.json").touch()
    script("snapshot").tidy(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.glob("*.db")) == sorted([*names[3:], "mine.db", "etcd-of-before.db"])
    assert not (tmp_path / f"{names[0]}.json").exists()


def test_the_entry_that_was_found_ready_is_dialled_first_and_the_others_after_it(script):
    assert script("dial").places(["a:22", "b:22"], "b:22") == ["b:22", "a:22"]
    assert script("dial").places(["a:22", "b:22"], None) == ["a:22", "b:22"]


def test_an_environment_for_borg_has_no_passphrase_and_nothing_of_the_caller_s(modules, monkeypatch, tmp_path):
    monkeypatch.setenv("BORG_PASSPHRASE", "sensitive")
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    said = modules.toolkit.environment(modules.toolkit.Places(tmp_path), "absis")
    assert "BORG_PASSPHRASE" not in said and "XDG_CACHE_HOME" not in said
    assert said["BORG_PASSCOMMAND"] == f"cat {tmp_path}/etc/homelab/backup/passphrases/absis"


def test_only_one_at_a_time_has_a_lock_and_the_other_is_told(modules, tmp_path):
    with (
        modules.toolkit.locked(tmp_path / "lock", 0, "busy"),
        pytest.raises(modules.toolkit.Problem, match="busy"),
        modules.toolkit.locked(tmp_path / "lock", 0, "busy"),
    ):
        pass
    with modules.toolkit.locked(tmp_path / "lock", 0, "busy"):
        pass


def kept(modules, script, tmp_path, mounted, repositories=("absis",), **retired):
    """The passphrases on a home machine and who is retired, after `keeper` was told; before, it knew absis, oak, laptop and gone."""
    places, folder = modules.toolkit.Places(tmp_path / "root"), tmp_path / "backups"
    for name in ("absis", "oak", "laptop", "gone"):
        modules.toolkit.write(places.passphrase(name), f"{name}\n", 0o600)
    for name in ("absis", "oak", "laptop", "fresh") if mounted else ():
        (folder / name).mkdir(parents=True)
        (folder / name / "config").touch()
        (folder / ".homelab").mkdir(exist_ok=True)
    told = script("keeper").told
    said = {"folder": str(folder), "keep": {}, "checks": {}, "retired": retired}
    told({**said, "repositories": {name: {"passphrase": name, "remote": True} for name in repositories}}, places)
    phrases = {path.name: path.read_text() for path in places.passphrase("x").parent.iterdir()}
    return phrases, modules.toolkit.read(places.keeper)["retired"]


def test_whoever_is_taken_out_stays_readable_as_long_as_its_repository_is_there(modules, script, tmp_path):
    phrases, retired = kept(modules, script, tmp_path, True, fresh="of the stack file", never="had any")
    assert retired == ["fresh", "laptop", "oak"] and {*phrases} == {"absis", *retired}
    assert phrases["oak"] == "oak\n" and phrases["fresh"] == "of the stack file\n"


def test_no_passphrase_is_taken_away_while_nobody_can_look_what_is_there(modules, script, tmp_path):
    phrases, retired = kept(modules, script, tmp_path, False)
    assert retired == ["gone", "laptop", "oak"] and {*phrases} == {"absis", *retired}


@pytest.fixture
def lab(modules, tmp_path):
    """(this machine's places, the folder of all backups) with a complete repository of absis, as far as files tell."""
    places, shared = modules.toolkit.Places(tmp_path / "root"), modules.toolkit.Shared(tmp_path / "backups")
    known = {shared.repository("absis") / "config": "", shared.key("absis"): "KEY", shared.record("absis"): "{}", shared.lock("absis"): ""}
    for path, text in known.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return places, shared


def test_a_repository_that_is_in_use_is_left_alone_and_its_stored_key_handed_out(modules, script, lab, capsys):
    with modules.toolkit.held(*lab, "absis"):
        began = time.monotonic()
        assert script("repositories").exported(*lab, "absis") == "KEY"
    assert time.monotonic() - began < 1 and "the repository of absis is in use" in capsys.readouterr().err


@pytest.mark.parametrize("lacking", ["absis/config", ".homelab/keys/absis.key", ".homelab/records/absis.json"])
def test_a_repository_that_is_not_complete_waits_until_it_is_free(modules, script, lab, monkeypatch, lacking):
    (lab[1].folder / lacking).unlink()
    acts = script("repositories").exported
    monkeypatch.setitem(acts.__globals__, "PATIENCE", 1)
    with modules.toolkit.held(*lab, "absis"), pytest.raises(modules.toolkit.Busy, match="in use"):
        acts(*lab, "absis")


def test_a_lock_of_borg_is_taken_away_with_its_holder_s_name_told(modules, tmp_path, capsys):
    assert modules.toolkit.stale(tmp_path) == ""
    (tmp_path / "lock.exclusive").mkdir()
    (tmp_path / "lock.exclusive/leviathan@1.4711-0").touch()
    (tmp_path / "lock.roster").touch()
    modules.toolkit.unlock(tmp_path)
    assert modules.toolkit.stale(tmp_path) == "" and "leviathan@1.4711-0" in capsys.readouterr().err


def test_what_borg_says_of_the_computer_is_not_passed_on(modules):
    text = "Repository is gone\nPlatform: Linux x\nBorg: 1.2.4\nBorg server: PID: 1\nRemote: Borg server: Platform: y"
    assert modules.toolkit.tail(subprocess.CompletedProcess([], 2, "", text)) == "Repository is gone"


def test_a_connection_that_broke_is_told_without_where_in_the_code_of_borg(modules) -> None:
    text = """Local Exception
Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/borg/archiver.py", line 5241, in main
    exit_code = archiver.run(args)
                ^^^^^^^^^^^^^^^^^^
BrokenPipeError: [Errno 32] Broken pipe

ssh://homelab-backup/srv/archive/backups/nimbus: Error running actions for repository
Command '('borg', 'create', '--json')' returned non-zero exit status 2.

summary:
ssh://homelab-backup/srv/archive/backups/nimbus: Error running actions for repository

Need some help? https://torsion.org/borgmatic/#issues
"""
    told = "BrokenPipeError: [Errno 32] Broken pipe\nssh://homelab-backup/srv/archive/backups/nimbus: Error running actions for repository"
    assert modules.toolkit.tail(subprocess.CompletedProcess([], 2, "", text)) == told


@given(st.lists(st.tuples(st.sampled_from([PUT, DELETE, COMMIT]), st.sampled_from([ONE, TWO, CATALOGUE])), max_size=30))
def test_nothing_of_before_can_go_unnoticed(written):
    """Against the plain definition: a deletion of what was not added since."""
    from components.backup import plan

    names: dict[str, object] = {}
    exec(compile((Path(plan.__file__).parent / "scripts/segments.py").read_text(), "segments", "exec"), names)
    lost = {name for place, (tag, name) in enumerate(written) if tag == DELETE and name != CATALOGUE and (PUT, name) not in written[:place]}
    assert names["gone"](written) == lost
