"""What the backups live through, and what lives again because of them. The last tests make a machine and the cluster's data anew."""

import json
import re

import pytest

from config.load import read
from rehearsal.machines import laptop, machine
from rehearsal.machines.lab import specs
from rehearsal.machines.shell import wait_until
from tests.rehearsal.lab import cluster, vault
from tests.rehearsal.lab.cluster import HOMES
from tests.rehearsal.lab.kube import MACHINES, Kube, await_members, eventually, settled
from tests.rehearsal.lab.lab import MESH, STACK, Lab
from tests.rehearsal.lab.vault import DEAD, FOLDER, TOOLS, UNIT, WHOLE

pytestmark = pytest.mark.faults

FLIP = """
import sys
from pathlib import Path
path = max(Path(sys.argv[1]).glob("data/*/*"), key=lambda path: path.stat().st_size)
place = path.stat().st_size // 2
with path.open("r+b") as file:
    file.seek(place)
    byte = file.read(1)[0]
    file.seek(place)
    file.write(bytes([byte ^ 1]))
"""
NOISE = "head -c 150000000 /dev/urandom >/home/noise"
PLANT = """set -eu
id ann >/dev/null 2>&1 || useradd --create-home --uid 4321 ann
echo 'dear diary' >/home/ann/diary
chown ann:ann /home/ann/diary
chmod 600 /home/ann/diary
mkdir -p /opt/app
echo 'colour = green' >/etc/app.conf
printf '#!/bin/sh\\necho it works\\n' >/opt/app/run
chmod 4755 /opt/app/run
ln -sf /opt/app/run /usr/local/bin/app
cat >/etc/systemd/system/app.service <<END
[Unit]
Description=An application of the operator's
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/opt/app/run
[Install]
WantedBy=multi-user.target
END
systemctl daemon-reload
systemctl enable -q app
"""


@pytest.fixture(autouse=True)
def whole(lab: Lab) -> None:
    """Whatever the test before did or did not get done."""
    for name in (*MACHINES, "laptop"):
        machine.boot(lab.machine(name))
    cluster.await_mounts(lab, *HOMES)
    cluster.await_health(lab)


@pytest.mark.parametrize("name", ["absis", "nimbus"])
def test_a_bit_that_flips_in_a_repository_is_found_by_verify(lab: Lab, name: str) -> None:
    vault.back_up(lab, name)
    assert "is in order" in vault.script(lab, name, "verify", "20").stderr
    flip = ("python3", "-c", FLIP, f"{FOLDER}/{name}")
    assert lab.inside("leviathan", *flip).returncode == 0
    found = vault.script(lab, name, "verify", "20", ok=False)
    assert lab.inside("leviathan", *flip).returncode == 0  # twice is as it was
    assert found.returncode == 1 and "is NOT in order" in found.stderr
    assert "is in order" in vault.script(lab, name, "verify", "20").stderr


@pytest.mark.parametrize("name", ["absis", "nimbus"])
def test_a_backup_that_a_power_cut_ended_leaves_no_lock_that_stays(lab: Lab, name: str) -> None:
    assert lab.inside(name, "sh", "-c", NOISE).returncode == 0
    vault.begin(lab, name)
    machine.kill(lab.machine(name))
    assert lab.inside("leviathan", "test", "-d", f"{FOLDER}/{name}/lock.exclusive").returncode == 0
    machine.boot(lab.machine(name))
    cluster.await_mounts(lab, *HOMES)
    assert lab.reaches(name, MESH["leviathan"])
    made = vault.back_up(lab, name, within=WHOLE + DEAD)
    assert made["archive"] in vault.archives(lab, name)
    assert "is in order" in vault.script(lab, name, "verify", "20").stderr
    lab.inside(name, "rm", "-f", "/home/noise")


def test_a_home_machine_that_loses_its_power_while_it_takes_a_backup_in_does_not_hold_the_next(lab: Lab) -> None:
    """The VPS comes to the other one, and waits there until the file system has given the dead one up: not for the unit's own next try."""
    assert lab.inside("nimbus", "sh", "-c", NOISE).returncode == 0
    vault.begin(lab, "nimbus")
    machine.kill("leviathan")  # the first that is asked
    state = ("systemctl", "show", "-P", "SubState", UNIT)  # it waits for its next try then, or has failed
    wait_until(lambda: lab.inside("nimbus", *state).stdout.strip() != "start", 300, lambda: "it does not notice")
    assert lab.inside("nimbus", f"{TOOLS}/now", deadline=DEAD).returncode == 0  # its next try would be in 15 minutes
    made = vault.last(lab, "nimbus")
    machine.boot("leviathan")
    cluster.await_mounts(lab, *HOMES)
    cluster.await_health(lab)
    assert made["archive"] in vault.archives(lab, "nimbus", at="absis")
    lab.inside("nimbus", "rm", "-f", "/home/noise")


def test_a_compromised_vps_cannot_destroy_its_old_archives(lab: Lab) -> None:
    vault.back_up(lab, "nimbus")
    vault.kept(lab, "leviathan", "nimbus")
    before = vault.archives(lab, "nimbus")
    assert before
    for name in before:
        vault.script(lab, "nimbus", "borg", "delete", f"::{name}", ok=False)
    vault.script(lab, "nimbus", "borg", "compact", ok=False)
    whole = vault.script(lab, "nimbus", "borg", "delete", ok=False)
    assert whole.returncode != 0
    refused = vault.kept(lab, "absis", "nimbus", ok=False)
    assert refused.returncode == 1 and "NOT PRUNED" in refused.stderr, refused
    vault.script(lab, "absis", "rewind", "nimbus")
    assert vault.archives(lab, "nimbus") == before
    assert "is in order" in vault.script(lab, "leviathan", "verify", "50", "--of", "nimbus").stderr
    vault.script(lab, "nimbus", "rewound")
    vault.back_up(lab, "nimbus")
    vault.kept(lab, "leviathan", "nimbus")


def test_nothing_is_stored_when_the_quota_is_nearly_used_up(lab: Lab) -> None:
    def tight(said):
        said["homelab:backup"]["quota"] = "1GB"

    noise = f"{FOLDER}/.filling"
    with lab.edited(tight):
        lab.up()
        assert lab.inside("leviathan", "sh", "-c", f"head -c 960000000 /dev/zero >{noise}; sync -f {noise}", deadline=300).returncode in (
            0,
            1,
        )
        eventually(lambda: "more than 95%" in vault.script(lab, "leviathan", "status").stdout, 60, lambda: "the quota does not show")
        for name in ("absis", "nimbus"):
            refused = lab.inside(name, f"{TOOLS}/run", deadline=120)
            assert refused.returncode == 78 and "homelab:backup.quota" in refused.stderr, refused
        lab.inside("leviathan", "rm", "-f", noise)
    lab.up()
    eventually(lambda: "more than 95%" not in vault.script(lab, "leviathan", "status").stdout, 60, lambda: "the room does not come back")
    vault.back_up(lab, "absis")


def test_etcd_of_all_machines_wiped_comes_back_with_its_objects(lab: Lab, kube: Kube) -> None:
    settled(lab, kube)
    kube("create", "configmap", "kept", "--from-literal=colour=green")
    vault.script(lab, "leviathan", "snapshot")
    kube("create", "configmap", "later", "--from-literal=colour=red")
    for name in MACHINES:
        assert lab.inside(name, "sh", "-c", "systemctl stop etcd; rm -rf /var/lib/etcd/*").returncode == 0
    assert kube.run("get", "nodes", "--request-timeout=5s").returncode != 0
    vault.script(lab, "leviathan", "restore-etcd", "latest")
    eventually(lambda: kube.run("get", "configmap", "kept").returncode == 0, 120, lambda: "the API does not come back")
    assert kube("get", "configmap", "kept", "--output=jsonpath={.data.colour}") == "green"
    assert kube.run("get", "configmap", "later").returncode != 0
    await_members(lab)
    settled(lab, kube)
    kube("delete", "configmap", "kept")
    with kube.everywhere("restored") as space:
        assert {*kube.pods(space)} == {*HOMES}
    lab.up("--expect-no-changes")
    for name in MACHINES:
        lab.inside(name, "sh", "-c", "rm -rf /var/lib/etcd.before-*")


def test_a_machine_whose_root_was_wiped_is_restored_from_its_archive_and_rejoins_everything(lab: Lab, kube: Kube) -> None:
    settled(lab, kube)
    assert lab.inside("absis", "sh", "-c", PLANT).returncode == 0
    made = vault.back_up(lab, "absis")["archive"]
    printed = lab.command_machines("reinstall", "absis").stdout
    found = re.search(r"ssh-ed25519 \S+", printed)
    assert found, printed

    def pin(said):
        said["homelab:machines"]["absis"]["ssh"]["hostKey"] = found.group()

    with lab.edited(pin):
        lab.up()
        assert lab.inside("absis", "id", "ann").returncode != 0
        before = machine.leader("absis")
        assert "it reboots now" in vault.script(lab, "absis", "restore-system", made).stderr
        wait_until(lambda: machine.leader("absis") not in (None, before), 180, lambda: "it does not boot again")
        up = ("systemctl", "is-system-running", "--wait")
        wait_until(
            lambda: lab.inside("absis", *up, deadline=180).stdout.strip() in ("running", "degraded"), 180, lambda: "it does not come up"
        )
        look = "stat -c '%U %a' /home/ann/diary /opt/app/run; cat /home/ann/diary /etc/app.conf; app; systemctl is-active app"
        expected = ["ann 600", "root 4755", "dear diary", "colour = green", "it works", "active"]
        assert lab.inside("absis", "sh", "-c", look).stdout.splitlines() == expected
        cluster.await_mounts(lab, *HOMES)
        cluster.await_health(lab)
        settled(lab, kube)
        await_members(lab)
        with kube.everywhere("restored") as space:
            assert {*kube.pods(space)} == {*HOMES}
        lab.up("--expect-no-changes")
        assert json.loads(lab.inside("absis", "cat", "/var/lib/homelab/restored.json").stdout) == {"archive": made}
        vault.back_up(lab, "absis")
        assert "is in order" in vault.script(lab, "absis", "verify", "50").stderr
    machine.reinstall(next(spec for spec in specs(read(STACK)) if spec.name == "absis"))
    lab.up()
    laptop.join(json.dumps(lab.outputs()["clients"]))
    settled(lab, kube)
