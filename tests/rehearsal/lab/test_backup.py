"""Backups of real machines onto real CephFS: everybody's, again, and back. In this order."""

import json

import pytest

from tests.rehearsal.lab import vault
from tests.rehearsal.lab.cluster import HOMES
from tests.rehearsal.lab.lab import Lab
from tests.rehearsal.lab.vault import EVERYBODY, FOLDER, REMOTE

pytestmark = pytest.mark.rehearsal


def test_the_first_up_sets_a_timer_on_everybody_and_makes_everybody_a_repository(lab: Lab) -> None:
    for name in EVERYBODY:
        assert lab.inside(name, "systemctl", "is-enabled", "homelab-backup.timer").stdout.strip() == "enabled", name
    for name in HOMES:
        assert lab.inside(name, "systemctl", "is-active", "homelab-keep.timer", "homelab-snapshot.timer").stdout.split() == ["active"] * 2
    there = lab.inside("absis", "ls", FOLDER).stdout.split()
    assert {*EVERYBODY} <= {*there}
    assert {*lab.outputs()["backupKeys"]} == {*EVERYBODY}


@pytest.mark.parametrize("name", EVERYBODY)
def test_everybody_is_backed_up_and_the_second_time_only_what_is_new(lab: Lab, name: str) -> None:
    first = vault.back_up(lab, name)
    assert lab.inside(name, "sh", "-c", "mkdir -p /home/tried && seq 100000 >/home/tried/numbers").returncode == 0
    second = vault.back_up(lab, name)
    print(
        f"{name}: first {first['seconds']} s, {first['size'] / 1e6:.0f} MB; again {second['seconds']} s, {second['added'] / 1e6:.1f} MB new"
    )
    assert first["size"] > 100_000_000 and second["archive"] != first["archive"]
    assert second["added"] < first["size"] / 10 and second["seconds"] < first["seconds"]


@pytest.mark.parametrize("name", EVERYBODY)
def test_what_was_stored_is_verified_against_the_manifest(lab: Lab, name: str) -> None:
    assert "is in order, and so is every block of its repository" in vault.script(lab, name, "verify", "100").stderr


def test_a_home_machine_verifies_and_restores_what_another_has_stored(lab: Lab) -> None:
    assert "is in order" in vault.script(lab, "absis", "verify", "50", "--of", "nimbus", "--quick").stderr
    lab.inside("absis", "rm", "-rf", "/root/tried")
    vault.script(lab, "absis", "restore-folder", "latest", "/home/tried", "/root/tried", "--of", "nimbus")
    assert lab.inside("absis", "wc", "-l", "/root/tried/numbers").stdout.split()[0] == "100000"


@pytest.mark.parametrize("name", ["leviathan", "nimbus", "laptop"])
def test_a_file_comes_back_where_it_was(lab: Lab, name: str) -> None:
    sum_of = ("sha256sum", "/home/tried/numbers")
    before = lab.inside(name, *sum_of).stdout
    assert before and lab.inside(name, "rm", "/home/tried/numbers").returncode == 0
    vault.script(lab, name, "restore-file", "latest", "/home/tried/numbers", "/home/tried")
    assert lab.inside(name, *sum_of).stdout == before


def test_repositories_are_pruned_and_checked_on_a_home_machine_and_everybody_goes_on(lab: Lab) -> None:
    vault.kept(lab, "leviathan", *EVERYBODY)
    for name in EVERYBODY:
        assert vault.archives(lab, name), name
    for name in REMOTE:
        vault.back_up(lab, name)  # the keeper left nothing that they may not touch
    assert "NOT PRUNED" not in vault.script(lab, "absis", "status").stdout


def test_only_one_home_machine_at_a_time_is_at_a_repository(lab: Lab) -> None:
    """The lock on the file system holds across machines: on it rests that a lock of Borg's may be taken away."""
    holder = (
        "systemd-run",
        "--unit=homelab-tried-lock",
        "--collect",
        "--quiet",
        "python3",
        "-c",
        vault.HOLD,
        vault.TOOLS,
        FOLDER,
        "nimbus",
        "600",
    )
    assert lab.inside("leviathan", *holder).returncode == 0
    ask = ("python3", "-c", vault.HOLD.replace("sys.argv[3], 60", "sys.argv[3], 5"), vault.TOOLS, FOLDER, "nimbus", "0")
    try:
        refused = lab.inside("absis", *ask)
        assert refused.returncode != 0 and "is in use" in refused.stderr, refused
    finally:
        lab.inside("leviathan", "systemctl", "stop", "homelab-tried-lock")
    assert lab.inside("absis", *ask).stdout == "held\n"


def test_the_key_of_a_machine_opens_no_shell_and_no_other_repository(lab: Lab) -> None:
    ssh = ("ssh", "-F", "/etc/homelab/backup/ssh/config", "homelab-backup")
    for asked in (["ls", FOLDER], ["sh", "-i"], ["manifest", "absis-2026-01-01T00:00:00"]):
        refused = lab.inside("nimbus", *ssh, *asked)
        assert refused.returncode != 0 and refused.stdout == "", asked
    room = json.loads(lab.inside("nimbus", *ssh, "room").stdout)
    assert room["most"] == 6_000_000_000 and 0 < room["used"] < room["most"]  # the quota, as Ceph counts it


def test_no_passphrase_shows_in_a_command_line_or_an_environment_while_borg_runs(lab: Lab) -> None:
    for name in ("absis", "nimbus"):
        phrases = lab.inside(name, "sh", "-c", "cat /etc/homelab/backup/passphrases/*").stdout.split()
        assert lab.inside(name, "sh", "-c", "head -c 80000000 /dev/urandom >/home/tried/noise").returncode == 0
        vault.begin(lab, name)
        shown = lab.inside(name, "sh", "-c", "cat /proc/*/cmdline /proc/*/environ 2>/dev/null | tr '\\0' ' '").stdout
        assert "borg" in shown and not [phrase for phrase in phrases if phrase in shown]
        vault.back_up(lab, name)  # waits for the end of the one that runs, or does another
        lab.inside(name, "rm", "/home/tried/noise")


def test_etcd_is_copied_by_one_home_machine_at_a_time_and_the_copy_is_looked_into(lab: Lab) -> None:
    said = vault.script(lab, "absis", "snapshot").stderr
    assert "revision" in said and "keys" in said
    newest = lab.inside("leviathan", "sh", "-c", f"ls {FOLDER}/etcd/*.db | tail -n 1").stdout.strip()
    facts = json.loads(lab.inside("leviathan", "cat", f"{newest}.json").stdout)
    assert facts["totalKey"] > 100 and facts["by"]
    assert vault.script(lab, "leviathan", "snapshot", "due").stderr == ""  # it is not


def test_a_second_up_changes_nothing_of_backups(lab: Lab) -> None:
    lab.up("--expect-no-changes")
