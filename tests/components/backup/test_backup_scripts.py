"""What the other backup scripts compute: nothing of it needs Borg, root or a machine."""

import hashlib
import json
import os
import subprocess
import time

import pytest


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
