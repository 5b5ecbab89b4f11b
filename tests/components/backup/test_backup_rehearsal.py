"""The scripts with real Borg, Borgmatic and sshd on this host, without Ceph and systemd (house.py). Needs root and these three."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.machines.shell import wait_until
from tests.components.backup.house import FOLDER, TOOLS, House, Machine, build, family, kill

pytestmark = pytest.mark.rehearsal
NEEDED = ("borg", "borgmatic", "/usr/sbin/sshd", "unshare")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    missing = [tool for tool in NEEDED if not shutil.which(tool)]
    if missing:  # not installed by a test: a host's own sshd and timers would begin to run
        pytest.skip(f"NOT RUN: {', '.join(missing)} missing here (apt-get install borgbackup borgmatic openssh-server)")
    made = build(tmp_path_factory.mktemp("house"))
    for one in (made.home, made.away):
        fill(made.data(one))
        one.do("run")
    try:
        yield made
    finally:
        made.home.end()
        made.away.end()


@pytest.fixture(params=["home", "away"])
def one(house: House, request: pytest.FixtureRequest) -> Machine:
    """The machine with the mount, and the one that comes by SSH."""
    found = getattr(house, request.param)
    assert isinstance(found, Machine)
    return found


def fill(folder: Path) -> None:
    (folder / "large").write_bytes(subprocess.run(["head", "-c", "8000000", "/dev/urandom"], capture_output=True, check=True).stdout)
    for number in range(200):
        (folder / f"file {number}").write_text(f"{folder} {number}\n" * 20)
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "file").write_text("deep\n")


def archives(house: House, name: str) -> list[str]:
    return [line.split()[-1] for line in house.home.do("list", "--of", name).stdout.splitlines()]


def record(house: House, name: str) -> dict[str, object]:
    return dict(json.loads((house.folder / f".homelab/records/{name}.json").read_text()))


def test_a_second_backup_stores_only_what_is_new(house: House, one: Machine) -> None:
    (house.data(one) / "new").write_text("new\n" * 1000)
    one.do("run")
    last = one.last()
    assert last["size"] > 8_000_000 and last["added"] < 1_000_000 and last["files"] > 200


def test_a_backup_is_verified_where_it_was_made_and_on_a_home_machine(house: House, one: Machine) -> None:
    assert "30 of 30 files came back as they were" in one.do("verify", "30").stderr
    assert "and so is every block of its repository" in house.home.do("verify", "30", "--of", one.name).stderr


def test_the_manifest_lies_in_the_archive_and_beside_it(house: House, one: Machine) -> None:
    made = one.last()["archive"]
    assert (house.folder / f".homelab/manifests/{one.name}/{made}.jsonl.gz").stat().st_size > 1000
    beside = house.folder / f".homelab/manifests/{one.name}/{made}.jsonl.gz"
    kept = beside.read_bytes()
    beside.write_bytes(b"of somebody else")
    said = house.home.do("verify", "5", "--quick", "--of", one.name, ok=False)
    beside.write_bytes(kept)
    assert said.returncode == 1 and "the manifest in the archive is not the one beside it" in said.stderr


def test_a_file_and_a_folder_of_a_date_come_back_and_nothing_is_overwritten(house: House, one: Machine) -> None:
    data = house.data(one)
    wanted = (data / "file 7").read_text()
    (data / "file 7").unlink()
    one.do("restore-file", "latest", "/root/data/file 7", "/root/data")
    assert (data / "file 7").read_text() == wanted
    refused = one.do("restore-file", "latest", "/root/data/file 7", "/root/data", ok=False)
    assert refused.returncode == 1 and "is there already" in refused.stderr
    today = one.run("date", "+%F").stdout.strip()
    one.do("restore-folder", today, "/root/data/deep", "/root/data/again")
    assert (data / "again/er/file").read_text() == "deep\n"
    wrong = one.do("restore-folder", "latest", "/root/data/file 7", "/root/data/x", ok=False)
    assert "is no folder" in wrong.stderr and not (data / "x").exists()
    assert not [*data.glob(".homelab-restore-*")]


def test_a_date_before_the_first_archive_and_an_unknown_name_are_told(house: House) -> None:
    assert "no archive is as old as 2001-01-01" in house.home.do("restore-folder", "2001-01-01", "/root", "/root/x", ok=False).stderr
    assert "is neither an archive nor a date" in house.home.do("list", "nonsense", ok=False).stderr


def test_the_key_of_a_machine_opens_nothing_but_its_own_repository(house: House) -> None:
    ssh = ("ssh", "-F", "/etc/homelab/backup/ssh/config", "homelab-backup")
    for asked in (
        ["ls", FOLDER],
        ["sh"],
        ["borg", "list", f"{FOLDER}/home"],
        ["manifest", "../x"],
        ["manifest", "home-2026-01-01T00:00:00"],
    ):
        refused = house.away.run(*ssh, *asked, ok=False)
        assert refused.returncode != 0 and refused.stdout == "", asked
    assert "for nothing else" in house.away.run(*ssh, "ls", ok=False).stderr
    env = "BORG_BASE_DIR=/root/borg BORG_PASSPHRASE=x BORG_RSH='ssh -F /etc/homelab/backup/ssh/config'"
    other = house.away.run("sh", "-c", f"{env} borg list ssh://homelab-backup{FOLDER}/home", ok=False)
    assert other.returncode != 0 and "not allowed" in other.stderr, other.stderr
    forward = house.away.run(
        "timeout",
        "10",
        "ssh",
        "-F",
        "/etc/homelab/backup/ssh/config",
        "-N",
        "-o",
        "ExitOnForwardFailure=yes",
        "-R",
        "0:127.0.0.1:1",
        "homelab-backup",
        ok=False,
    )
    assert forward.returncode == 255, forward


def test_a_manifest_that_is_there_cannot_be_replaced(house: House) -> None:
    made = house.away.last()["archive"]
    again = house.away.run("ssh", "-F", "/etc/homelab/backup/ssh/config", "homelab-backup", "manifest", made, stdin="other", ok=False)
    assert again.returncode != 0 and "is there already" in again.stderr


@pytest.fixture(scope="module")
def old(house: House) -> set[str]:
    """Archives of `away` that any retention keeps, and that the keeper has seen."""
    names = {f"away-{day}T03:00:00" for day in ("2020-02-01", "2020-02-02", "2020-02-03")}
    for name in sorted(names):
        house.away.do("borg", "create", "--timestamp", name.removeprefix("away-"), f"::{name}", "/root/data/deep")
    house.home.do("keep", "away")
    return names


def test_a_compromised_machine_cannot_destroy_its_archives(house: House, old: set[str]) -> None:
    """Borg lets it mark them as deleted; the keeper does not make that final and brings them back."""
    before = archives(house, "away")
    assert old <= {*before}
    (house.data(house.away) / "since").write_text("since then\n")
    house.away.do("run")
    for name in before:
        house.away.do("borg", "delete", f"::{name}")
    house.away.do("borg", "compact", ok=False)
    assert not {*before} & {*archives(house, "away")}
    size = sum(path.stat().st_size for path in (house.folder / "away").rglob("*") if path.is_file())
    refused = house.home.do("keep", "away", ok=False)
    assert refused.returncode == 1 and "archives are gone that nobody here has removed" in refused.stderr
    assert "NOT PRUNED" in house.home.do("status").stdout
    assert sum(path.stat().st_size for path in (house.folder / "away").rglob("*") if path.is_file()) >= size * 0.99
    house.home.do("rewind", "away")
    assert archives(house, "away") == before
    assert "in order" in house.home.do("verify", "50", "--of", "away").stderr
    suspicious = house.away.do("run", ok=False)
    assert suspicious.returncode == 1 and "newer than" in suspicious.stderr, suspicious.stderr
    house.away.do("rewound")
    house.away.do("run")
    house.home.do("keep", "away")
    assert old <= {*archives(house, "away")} and len(archives(house, "away")) == len(old) + 1


LIAR = """#!/usr/bin/python3
from borg.archiver import main
from borg.helpers import Manifest
write = Manifest.write
def lie(self):
    listed = self.archives.get_raw_dict()
    for number, name in enumerate(NAMES):
        if name.encode() in listed:
            listed[name.encode()] = {**listed[name.encode()], b"time": b"2001-01-01T00:00:%02d.000000" % number}
    if FIRST in listed:
        listed[FIRST + b".checkpoint"] = listed.pop(FIRST)
    write(self)
Manifest.write = lie
main()
"""
"""A Borg that, with whatever it does, changes the names and times of archives that are there: all of one day, so that one is kept."""


def test_a_compromised_machine_cannot_have_its_archives_pruned_by_changing_their_times(house: House, old: set[str]) -> None:
    before, known = archives(house, "away"), record(house, "away")["archives"]
    assert old <= {*before} and len(before) > 3
    borg = house.away.here / "bin/borg"
    borg.write_text(LIAR.replace("NAMES", repr(before)).replace("FIRST", repr(before[0].encode())))
    borg.chmod(0o755)
    house.away.do("borg", "create", f"::away-{house.away.run('date', '-u', '+%FT%T').stdout.strip()}", "/root/data/deep")
    borg.unlink()
    listed = house.home.do("list", "--of", "away").stdout
    assert listed.count("2001-01-01") == len(before) and f"{before[0]}.checkpoint" in listed
    refused = house.home.do("keep", "away", ok=False)
    assert refused.returncode == 1 and "NOT PRUNED" in refused.stderr, refused
    assert f"{len(before)} archives have another name or time than they had" in refused.stderr
    assert "another name or time" in house.home.do("status").stdout
    house.home.do("rewind", "away")
    assert archives(house, "away") == before and record(house, "away")["archives"] == known
    assert "in order" in house.home.do("verify", "50", "--of", "away").stderr
    house.away.do("rewound")
    house.away.do("run")
    house.home.do("keep", "away")
    assert old <= {*archives(house, "away")}


def test_a_key_that_was_changed_from_outside_is_put_back(house: House) -> None:
    house.home.do("keep", "away")
    change = "BORG_NEW_PASSPHRASE=mine /usr/local/lib/homelab/backup/borg key change-passphrase"
    house.away.run("sh", "-c", change)
    refused = house.home.do("keep", "away", ok=False)
    assert refused.returncode == 1, refused
    house.home.do("rewind", "away")
    assert archives(house, "away")
    house.away.do("rewound")
    house.away.do("run")


def test_a_deletion_by_the_operator_is_asked_about_and_accepted(house: House) -> None:
    house.home.do("run")
    house.home.do("keep", "home")
    oldest = archives(house, "home")[0]
    house.home.do("borg", "--of", "home", "delete", f"::{oldest}")
    assert house.home.do("keep", "home", ok=False).returncode == 1
    house.home.do("accept", "home")
    house.home.do("keep", "home")
    assert oldest not in archives(house, "home")


def test_the_keeper_prunes_by_the_configuration_and_drops_the_manifests_of_what_is_gone(house: House) -> None:
    public = (house.away.here / "etc/homelab/backup/ssh/id_ed25519.pub").read_text()
    house.home.do("keeper", stdin=house.keeper(public, daily=1, weekly=0, monthly=0))
    house.away.do("run")
    newest = house.away.last()["archive"]
    house.home.do("keep", "away")
    assert archives(house, "away") == [newest]
    assert [path.name for path in (house.folder / ".homelab/manifests/away").iterdir()] == [f"{newest}.jsonl.gz"]
    assert record(house, "away")["removing"] is None
    house.away.do("run")
    house.home.do("keeper", stdin=house.keeper(public))


def test_a_keeper_that_was_cut_off_checks_everything_first_and_goes_on(house: House) -> None:
    house.home.do("keep", "away")
    place = house.folder / ".homelab/records/away.json"
    known = json.loads(place.read_text())
    which, (name, _) = next(iter(known["archives"].items()))
    place.write_text(json.dumps({**known, "removing": [which]}))
    house.home.do("borg", "--of", "away", "delete", f"::{name}")
    said = house.home.do("keep", "away").stderr
    assert "cut off" in said and record(house, "away")["removing"] is None


def test_a_bit_that_flipped_in_a_repository_is_found(house: House, one: Machine) -> None:
    segment = max((house.folder / one.name / "data").glob("*/*"), key=lambda path: path.stat().st_size)
    kept = segment.read_bytes()
    place = len(kept) // 2
    segment.write_bytes(kept[:place] + bytes([kept[place] ^ 1]) + kept[place + 1 :])
    found = one.do("verify", "5", ok=False)
    segment.write_bytes(kept)
    assert found.returncode == 1 and "is NOT in order" in found.stderr
    assert one.do("verify", "5").returncode == 0


DIES = """#!/usr/bin/python3
import os, sys
from borg.archiver import main
from borg.repository import LoggedIO
delete = LoggedIO.delete_segment
def die(self, segment):
    delete(self, segment)
    os._exit(9)
if "compact" in sys.argv:
    LoggedIO.delete_segment = die
main()
"""
"""A Borg that ends in the midst of a compaction, when the first of the old files is deleted."""


@pytest.mark.faults
def test_a_pruning_that_was_cut_off_is_finished_and_not_set_back(house: House) -> None:
    """What it has copied stands only in the newer files."""
    for name in ("goes", "stays"):
        (house.data(house.away) / name).write_bytes(subprocess.run(["head", "-c", "4000000", "/dev/urandom"], capture_output=True).stdout)
    house.away.do("run")
    (house.data(house.away) / "goes").unlink()
    house.away.do("run")
    borg = house.home.here / "bin/borg"
    borg.write_text(DIES)
    borg.chmod(0o755)
    cut = house.home.do("keep", "away", ok=False)
    borg.unlink()
    assert cut.returncode == 1 and "borgmatic compact ended with status" in cut.stderr, cut
    assert record(house, "away")["removing"] and "borgmatic compact ended with status" in house.home.do("status").stdout
    before = {path: path.read_bytes() for path in (house.folder / "away/data").glob("*/*")}
    refused = house.home.do("rewind", "away", ok=False)
    assert refused.returncode == 1 and "`backup/keep away` must finish first" in refused.stderr, refused
    assert {path: path.read_bytes() for path in (house.folder / "away/data").glob("*/*")} == before
    assert "cut off" in house.home.do("keep", "away").stderr
    assert record(house, "away")["removing"] is None and "FAILED" not in house.home.do("status").stdout.split("for backups are used")[1]
    house.home.do("rewind", "away")
    assert "in order" in house.home.do("verify", "50", "--of", "away").stderr
    house.away.do("rewound")
    house.away.do("run")


@pytest.mark.faults
def test_a_damaged_repository_is_told_not_pruned_and_can_be_repaired(house: House, one: Machine) -> None:
    """What docs/how-to/backups.md says of it."""
    segments = house.folder / one.name / "data"
    before = {*segments.glob("*/*")}
    (house.data(one) / "lost").write_bytes(subprocess.run(["head", "-c", "4000000", "/dev/urandom"], capture_output=True).stdout)
    one.do("run")
    house.home.do("keep", one.name)
    made = archives(house, one.name)[-1]
    flip(max({*segments.glob("*/*")} - before, key=lambda path: path.stat().st_size))
    shutil.rmtree(house.home.here / "var/lib/homelab/backup/borg/.borgmatic/checks", ignore_errors=True)  # all are due
    failed = house.home.do("keep", one.name, ok=False)
    assert failed.returncode == 1 and "borgmatic check ended with status 1" in failed.stderr, failed
    known = record(house, one.name)
    said = house.home.do("status").stdout
    assert "FAILED 0.0 h ago" in said and "borgmatic check ended" in said, said
    house.home.do("keep")
    assert record(house, one.name) == known
    assert "borgmatic check --force ended" in house.home.do("keep", one.name, ok=False).stderr
    assert [*record(house, one.name)["archives"]] == [*known["archives"]]
    assert "blocks of the repository are damaged" in house.home.do("verify", "0", "--of", one.name, ok=False).stderr
    assert house.home.do("borg", "--of", one.name, "check", "--repair", ok=False).returncode != 0  # nobody has said yes
    yes = "BORG_CHECK_I_KNOW_WHAT_I_AM_DOING=YES"
    repair = ("env", yes, f"{TOOLS}/borg", "--of", one.name, "check", "--repair")
    house.home.run(*repair, ok=False)
    assert "NOT PRUNED" in house.home.do("keep", one.name, ok=False).stderr
    house.home.do("borg", "--of", one.name, "compact", "--threshold=0")
    one.do("run")  # stores what was lost again, and then older archives have it too
    assert restored(one, "latest") and not restored(one, made)
    house.home.run(*repair, ok=False)
    assert restored(one, made)
    house.home.do("accept", one.name)
    house.home.do("keep", one.name)
    assert record(house, one.name)["failed"] == ""
    assert "in order" in house.home.do("verify", "300", "--of", one.name).stderr


def restored(one: Machine, archive: str) -> bool:
    """Whether the file that was damaged comes back as it was."""
    one.do("restore-file", archive, "/root/data/lost", "/root", ok=False)
    found = one.here / "root/lost"
    same = found.exists() and found.read_bytes() == (one.here / "root/data/lost").read_bytes()
    found.unlink(missing_ok=True)
    return same


def flip(path: Path) -> None:
    """One bit in the middle of a file."""
    content = path.read_bytes()
    place = len(content) // 2
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])


@pytest.mark.faults
def test_a_new_repository_can_be_begun_and_the_old_one_still_be_read(house: House, one: Machine) -> None:
    """What docs/how-to/backups.md says of one that cannot be repaired."""
    one.do("run")
    old = archives(house, one.name)
    group = ("-m", "2770", "-g", "homelab-backup") if one is house.away else ("-m", "700")
    house.home.run("mv", f"{FOLDER}/{one.name}", f"{FOLDER}/{one.name}.damaged")
    house.home.run("install", "-d", *group, f"{FOLDER}/{one.name}")
    house.home.do("borg", "--of", one.name, "init", "--encryption=repokey")
    house.home.do("accept", one.name)
    one.do("run")
    house.home.do("keep", one.name)
    assert len(archives(house, one.name)) == 1 and "in order" in one.do("verify", "20").stderr
    still = house.home.do("borg", "--of", one.name, "list", "--short", f"{FOLDER}/{one.name}.damaged").stdout.split()
    assert {*old} <= {*still}
    key = (house.folder / f".homelab/keys/{one.name}.key").read_text()
    assert json.loads(house.home.do("repositories", stdin=house.repositories()).stdout)[one.name] == key


def in_use(house: House, name: str) -> bool:
    return (house.folder / name / "lock.exclusive").is_dir()


def test_a_backup_that_was_killed_leaves_locks_that_the_next_one_takes_away(house: House, one: Machine) -> None:
    (house.data(one) / "more").write_bytes(
        b"".join(bytes([number % 251]) * 997 for number in range(40_000))
        + subprocess.run(["head", "-c", "150000000", "/dev/urandom"], capture_output=True, check=True).stdout
    )
    running = one.start(f"{TOOLS}/run")
    wait_until(
        lambda: in_use(house, one.name) and bool([*one.here.glob("var/lib/homelab/backup/borg/.cache/borg/*/lock.exclusive")]),
        60,
        lambda: "Borg takes no lock",
    )
    kill(running)
    (house.folder / one.name / "lock.exclusive").mkdir(exist_ok=True)
    (house.folder / one.name / "lock.exclusive" / "elsewhere@1.4711-0").touch()  # as of a home machine that lost its power
    shutil.chown(house.folder / one.name / "lock.exclusive", 59655 if one.name == "away" else 0)
    one.do("run")
    assert one.last()["size"] > 150_000_000
    assert "in order" in one.do("verify", "20").stderr
    (house.data(one) / "more").unlink()


def test_a_lock_that_root_at_home_left_does_not_keep_away_who_comes_by_ssh(house: House) -> None:
    """As a home machine leaves one that loses its power while it prunes: Borg closes it to everybody else."""
    lock = house.folder / "away" / "lock.exclusive"
    lock.mkdir(mode=0o700)
    (lock / "elsewhere@1.4711-0").touch()
    house.away.do("run")
    assert house.away.last()["archive"] in archives(house, "away")
    house.home.do("keep", "away")
    assert [*(house.folder / "away").glob("stale-lock.*")] == []


def test_a_file_that_changes_while_it_is_stored_is_told_and_fails_nothing(house: House, one: Machine) -> None:
    (house.data(one) / "log").write_bytes(bytes(100_000_000))
    one.start("python3", "-c", "while True: print('more', file=open('/root/data/log', 'a'))")
    done = one.do("run")
    kill(one.children.pop())
    assert "file changed while we backed it up" in done.stderr and one.last()["size"] > 100_000_000
    assert one.last()["archive"] in archives(house, one.name)
    (house.data(one) / "log").unlink()


def test_a_lock_of_somebody_who_is_at_work_is_left_alone(house: House) -> None:
    script = "import sys; sys.path.insert(0, '/usr/local/lib/homelab/backup')\nfrom toolkit import Path, Places, Shared, held\n"
    holder = house.home.start(
        "python3",
        "-c",
        script + f"import time\nwith held(Places(), Shared(Path('{FOLDER}')), 'away'): Path('/root/held').touch(); time.sleep(600)",
    )
    wait_until((house.home.here / "root/held").exists, 20, lambda: "the lock is not taken")
    (house.folder / "away/lock.exclusive").mkdir()
    try:
        asked = script + f"with held(Places(Path('/root')), Shared(Path('{FOLDER}')), 'away', 2): print('got it')"
        refused = house.home.run("python3", "-c", asked, ok=False)
        assert refused.returncode != 0 and "is in use" in refused.stderr and (house.folder / "away/lock.exclusive").is_dir()
        setting_up = house.home.do("repositories", stdin=house.repositories())  # within the 120 s that `run` gives it
        assert json.loads(setting_up.stdout)["away"].startswith("BORG_KEY ") and "of away is in use" in setting_up.stderr
    finally:
        kill(holder)
    assert family(holder.pid) == [holder.pid]
    house.away.do("run")
    assert not (house.folder / "away/lock.exclusive").exists()


SYSTEM = f"""
import subprocess, sys
sys.path.insert(0, '{TOOLS}')
from system import left_out, stays
from toolkit import BORG, Places
from where import repository
with repository(Places(), None) as repo:
    which = f'{{repo.location}}::{{repo.archive("latest")}}'
    said = {{'env': repo.env, 'capture_output': True, 'text': True, 'check': True}}
    listed = subprocess.run([*BORG, 'list', '--format', '{{path}}{{NL}}', which], **said)
    taken = subprocess.run([*BORG, 'extract', '--dry-run', '--list', *left_out(), which], **said)
everything, brought = set(listed.stdout.split('\\n')) - {{''}}, set(taken.stderr.split('\\n')) - {{''}}
assert any(map(stays, everything)) and len(brought) > 200
print(sorted(brought ^ {{path for path in everything if not stays(path)}})[:5])
"""


def test_a_restored_system_leaves_out_exactly_what_stays(house: House) -> None:
    """Borg's patterns and ours mean the same."""
    for path in ("etc/fstab", "etc/systemd/system/homelab-x.timer", "etc/tinc/homelab/rsa_key.priv", "etc/kubernetes/ssl/ca.key"):
        (house.home.here / path).parent.mkdir(parents=True, exist_ok=True)
        (house.home.here / path).write_text("of the old system\n")
    house.home.do("run")
    assert house.home.run("python3", "-c", SYSTEM).stdout == "[]\n"


def test_a_system_is_not_restored_from_what_the_new_one_has_stored_meanwhile(house: House, one: Machine) -> None:
    one.do("run")
    refused = one.do("restore-system", "latest", "--no-reboot", ok=False)
    assert refused.returncode == 1 and f"latest is {one.last()['archive']}, which the installation" in refused.stderr
    assert "from before it there is none" in refused.stderr and not Path("/.homelab-restore").exists()


def test_borgmatic_finds_the_configurations_valid(house: House, one: Machine) -> None:
    one.run("validate-borgmatic-config", "--config", "/etc/homelab/backup/borgmatic.yaml")
    if one is house.home:
        house.home.run("validate-borgmatic-config", "--config", "/etc/homelab/backup/keep/away.yaml")


def test_setting_up_again_changes_nothing(house: House, one: Machine) -> None:
    assert "wrote" not in one.do("setup", stdin=house.told(one.name)).stderr
    keys = json.loads(house.home.do("repositories", stdin=house.repositories()).stdout)
    assert keys == {name: (house.folder / f".homelab/keys/{name}.key").read_text() for name in keys}


def test_no_passphrase_lies_where_others_than_root_can_read_it(house: House) -> None:
    for machine in (house.home, house.away):
        for path in (machine.here / "etc/homelab").rglob("*"):
            if path.is_file() and any(phrase in path.read_text() for phrase in house.passphrases.values()):
                assert path.stat().st_mode & 0o077 == 0 and path.parent.name == "passphrases", path
        assert (machine.here / "etc/homelab/backup").stat().st_mode & 0o077 == 0
    assert {path.name for path in (house.away.here / "etc/homelab/backup/passphrases").iterdir()} == {"away"}


def test_a_machine_that_was_taken_out_can_still_be_read_verified_and_set_back_and_is_not_pruned(house: House) -> None:
    house.away.do("run")
    house.home.do("keep", "away")
    before = archives(house, "away")
    public = (house.away.here / "etc/homelab/backup/ssh/id_ed25519.pub").read_text()
    said = house.keeper(public, daily=1, weekly=0, monthly=0)
    del said["repositories"]["away"], said["keys"]["away"]
    house.away.do("borg", "delete", f"::{before[-1]}")  # by whoever has it
    house.home.do("keeper", stdin=said)
    assert house.away.do("run", ok=False).returncode == 1
    assert "away: RETIRED" in house.home.do("status").stdout
    house.home.do("keep")
    house.home.do("rewind", "away")
    assert archives(house, "away") == before
    assert "in order" in house.home.do("verify", "20", "--of", "away").stderr
    house.home.do("restore-file", "latest", "/root/data/deep/er/file", "/root/of-away", "--of", "away")
    assert (house.home.here / "root/of-away").read_text() == "deep\n"
    moved = (house.folder / "away").rename(house.shared / "elsewhere")
    refused = house.home.do("list", "--of", "away", ok=False)
    assert "is not backed up any more, and its repository" in refused.stderr
    house.home.do("keeper", stdin=said)
    assert not (house.home.here / "etc/homelab/backup/passphrases/away").exists()
    moved.rename(house.folder / "away")
    house.home.do("keeper", stdin=house.keeper(public))
    house.away.do("rewound")
    house.away.do("run")


def test_a_runner_without_the_mount_fetches_the_snapshot_from_a_home_machine_that_has_it(house: House) -> None:
    key = "/var/lib/homelab/kubespray/ssh/id_ed25519"
    house.away.run("sh", "-c", f"mkdir -p $(dirname {key}) && ssh-keygen -q -t ed25519 -N '' -f {key}")
    (house.home.here / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    shutil.copy(house.away.here / f"{key[1:]}.pub", house.home.here / "root/.ssh/authorized_keys")
    content = bytes(4096)
    (house.folder / "etcd").mkdir(mode=0o700, exist_ok=True)
    for day, text in (("01", b"damaged"), ("02", content + hashlib.sha256(content).digest())):
        (house.folder / f"etcd/etcd-2026-01-{day}T00:00:00Z.db").write_bytes(text)
    home = house.told("away")["entries"][0]
    dead = {**home, "port": 1}
    said = {"folder": f"{FOLDER}/etcd", "member": False, "runner": "away", "members": {}}
    house.away.do("snapshots", stdin={**said, "keepers": {"dead": dead, "home": home}})
    assert "fetched etcd-2026-01-02T00:00:00Z.db from home" in house.away.do("restore-etcd", "latest").stderr
    assert "is damaged" in house.away.do("restore-etcd", "etcd-2026-01-01T00:00:00Z.db", ok=False).stderr
    house.away.do("snapshots", stdin={**said, "keepers": {"dead": dead}})
    refused = house.away.do("restore-etcd", "latest", ok=False)
    assert "no home machine gives its snapshots:\ndead: " in refused.stderr, refused.stderr
    house.away.do("snapshots", stdin={})
    assert "run it on the machine that runs Kubespray" in house.away.do("restore-etcd", "latest", ok=False).stderr


def files(one: Machine) -> set[str]:
    """What backups have below its /etc."""
    patterns = ("homelab/backup/**/*", "systemd/system/homelab-[bks]*.*", "ssh/sshd_config.d/*homelab*")
    return {str(path.relative_to(one.here / "etc")) for pattern in patterns for path in (one.here / "etc").glob(pattern) if path.is_file()}


def test_what_is_taken_out_of_the_configuration_ends_and_its_archives_can_still_be_read(house: House) -> None:
    public = (house.away.here / "etc/homelab/backup/ssh/id_ed25519.pub").read_text()
    house.home.do("snapshots", stdin={"folder": f"{FOLDER}/etcd", "every": 21600, "keep": 8, "member": True})
    before = files(house.home)
    assert {f"systemd/system/homelab-{unit}.timer" for unit in ("backup", "keep", "snapshot")} <= before
    for script in ("setup", "keeper", "snapshots"):
        house.home.do(script, stdin={})
    passphrases = {f"homelab/backup/passphrases/{name}" for name in ("home", "away")}
    left = files(house.home) - {path for path in before if path.startswith("homelab/backup/keep/")}
    assert left == {"homelab/backup/keeper.json", *passphrases}
    assert not (house.home.here / "var/lib/homelab-backup").exists() and house.away.do("run", ok=False).returncode == 1
    for script in ("setup", "keeper", "snapshots"):
        assert "removed" not in house.home.do(script, stdin={}).stderr  # running again is safe
    assert len(archives(house, "home")) >= 1 and len(archives(house, "away")) >= 1
    house.away.do("setup", stdin={})
    assert files(house.away) == {"homelab/backup/ssh/id_ed25519", "homelab/backup/ssh/id_ed25519.pub"}
    house.home.do("keeper", stdin=house.keeper(public))
    for one in (house.home, house.away):
        one.do("setup", stdin=house.told(one.name))
        one.do("run")


def test_leaving_takes_everything_away_but_repositories_and_the_key_pair(house: House) -> None:
    house.away.do("leave")
    left = {
        str(path.relative_to(house.away.here / "etc/homelab")) for path in (house.away.here / "etc/homelab").rglob("*") if path.is_file()
    }
    assert left == {"backup/ssh/id_ed25519", "backup/ssh/id_ed25519.pub"}
    house.away.do("setup", stdin=house.told("away"))
    house.away.do("run")
    assert len(archives(house, "away")) > 1
