"""What happens to machines, disks and runs in the life of a lab. Each test leaves the lab whole for the next."""

import json
import os
import re
import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from config.load import read
from rehearsal.machines import cgroups, laptop, machine
from rehearsal.machines.lab import specs
from tests.rehearsal.lab.lab import MESH, STACK, Lab
from tests.rehearsal.lab.test_lab import PAIRS

pytestmark = pytest.mark.faults


def whole(lab: Lab) -> None:
    """The next run ends well and everybody reaches everybody."""
    lab.up()
    assert lab.silent(PAIRS) == []


def identity(lab: Lab) -> tuple[str, str]:
    """The SSH host key and the mesh key of the VPS, public halves."""
    return (
        lab.inside("nimbus", "cat", "/etc/ssh/ssh_host_ed25519_key.pub").stdout.split()[1],
        lab.inside("nimbus", "cat", "/etc/tinc/homelab/rsa_key.pub").stdout,
    )


def test_a_run_killed_while_the_vps_is_bought_never_buys_a_second(lab: Lab) -> None:
    lab.account("delete", lab.servers()[0]["id"])
    lab.command("forget", "nimbus")
    lab.kill_when("fleet-nimbus-server creating", "up", "--yes", "--skip-preview", once=lambda: bool(lab.servers()))
    (orphan,) = lab.servers()
    refused = lab.up(ok=False)
    said = refused.stdout + refused.stderr
    assert refused.returncode != 0 and lab.servers() == [orphan]
    assert orphan["id"] in said and "pulumi import" in said and "delete it" in said
    lab.pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    # What the refusal says works as it stands: first adoption, which changes nothing on the server, then deletion.
    advice = next(line for line in said.splitlines() if "pulumi import" in line)
    lab.pulumi(*shlex.split(advice[advice.index("pulumi import") :])[1:], "--yes", "--stack", STACK, config=False, bare=True)
    whole(lab)
    assert lab.servers() == [orphan]
    lab.up("--expect-no-changes")
    lab.account("delete", orphan["id"])
    lab.command("forget", "nimbus")
    whole(lab)


@pytest.mark.parametrize("state", ["alive", "frozen"])
def test_the_vps_is_rebuilt_at_the_same_address_with_the_same_identity(lab: Lab, state: str) -> None:
    before, old = identity(lab), lab.servers()[0]
    if state == "frozen":
        for pid in cgroups.processes(old["machine"]):
            os.kill(pid, signal.SIGSTOP)
    lab.up("--replace", lab.urn("fleet-nimbus-server"))
    (new,) = lab.servers()
    assert new["id"] != old["id"] and identity(lab) == before
    whole(lab)
    lab.up("--expect-no-changes")


def test_a_vps_deleted_behind_pulumis_back_comes_again_after_forget(lab: Lab) -> None:
    before = identity(lab)
    lab.account("delete", lab.servers()[0]["id"])
    gone = lab.pulumi("refresh", "--yes", "--skip-preview", ok=False)
    assert gone.returncode != 0 and "instance not found" in gone.stdout + gone.stderr
    said = lab.command("forget", "nimbus").stdout
    assert "fleet-nimbus-server" in said and "Nothing else was touched" in said
    whole(lab)
    assert identity(lab) == before


def test_a_home_machine_installed_anew_rejoins_with_its_new_host_key(lab: Lab) -> None:
    printed = lab.command_machines("reinstall", "absis").stdout
    found = re.search(r"ssh-ed25519 \S+", printed)
    assert found, printed
    refused = lab.pulumi("up", "--yes", "--skip-preview", "--replace", lab.urn("fleet-absis-contact"), ok=False)
    assert refused.returncode != 0 and "answers with another host key" in refused.stdout + refused.stderr

    def pin(said):
        said["homelab:machines"]["absis"]["ssh"]["hostKey"] = found.group()

    with lab.edited(pin):
        whole(lab)
        lab.up("--expect-no-changes")
    machine.reinstall(next(spec for spec in specs(read(STACK)) if spec.name == "absis"))
    whole(lab)


@contextmanager
def planted(lab: Lab) -> Iterator[None]:
    """A foreign firewall on leviathan, a foreign listener on absis."""
    table = "table inet foreign {\n chain input {\n type filter hook input priority 10; policy drop;\n accept\n }\n}\n"
    listen = "import socket, time; kept = socket.create_server(('0.0.0.0', 443)); time.sleep(600)"
    assert lab.inside("leviathan", "nft", "-f", "-", stdin=table).returncode == 0
    lab.inside("absis", "systemd-run", "--unit=foreign-listener", "--collect", "python3", "-c", listen)
    try:
        yield
    finally:
        lab.inside("leviathan", "nft", "delete", "table", "inet", "foreign")
        lab.inside("absis", "systemctl", "stop", "foreign-listener")


def test_a_preflight_with_five_faults_on_two_machines_reports_all_five_and_changes_nothing(lab: Lab) -> None:
    def claim(said):
        machines = said["homelab:machines"]
        machines["leviathan"]["disks"][2]["id"] = "virtio-lev-9"
        machines["absis"]["memory"] = "512GiB"
        machines["absis"]["disks"][0]["serial"] = "ABS-7"

    with planted(lab), lab.edited(claim):
        refused = lab.up(ok=False)
    said = refused.stdout
    report = said[said.rindex("Diagnostics") :]
    assert refused.returncode != 0
    assert "virtio-lev-9" in report and "549.8 GB" in report and "ABS-7" in report and "port 443/tcp" in report and "foreign" in report, (
        report
    )
    assert "5 failures" in report, report
    whole(lab)


def test_destroy_then_up_gives_the_same_lab_again_also_when_that_up_is_killed_again_and_again(lab: Lab) -> None:
    before = identity(lab)
    lab.pulumi("destroy", "--yes", "--skip-preview")
    assert lab.servers() == [] and not lab.reaches("leviathan", MESH["absis"], within=5)
    for moment in ("preflight", "absis-toolbox", "leviathan-base", "mesh-key-nimbus"):
        lab.kill_when(f"{moment} creating", "up", "--yes", "--skip-preview")
    lab.up()
    laptop.join(json.dumps(lab.outputs()["clients"]))  # the reserved address went with the destroy: the bundle has another one
    whole(lab)
    assert identity(lab) == before


def test_a_machine_that_gets_another_name_is_not_torn_down_by_the_goodbye_to_the_old_one(lab: Lab) -> None:
    def rename(said):
        for names in (said["homelab:machines"], said["homelab:mesh"]["addresses"]):
            names["basis"] = names.pop("absis")
        said["homelab:backup"]["machines"] = ["leviathan", "nimbus"]  # for a passphrase under its new name it would need `make init`

    with lab.edited(rename):
        lab.up()
        laptop.join(json.dumps(lab.outputs()["clients"]))  # clients learn of new members by their bundle
        whole(lab)
        lab.up("--expect-no-changes")
    lab.up()
    laptop.join(json.dumps(lab.outputs()["clients"]))
    whole(lab)


def test_a_machine_that_is_set_up_again_on_purpose_is_left_first(lab: Lab) -> None:
    lab.up("--replace", lab.urn("fleet-absis-contact"))
    whole(lab)
    lab.up("--expect-no-changes")


def test_members_come_back_by_themselves_after_a_power_cut_of_all(lab: Lab) -> None:
    names = [lab.machine(name) for name in MESH]
    for name in names:
        machine.kill(name)
    for name in names:
        machine.boot(name)
    assert lab.silent(PAIRS) == []
    lab.up("--expect-no-changes")


def test_home_stays_together_when_the_uplink_is_gone(lab: Lab) -> None:
    name = lab.machine("nimbus")
    machine.kill(name)
    try:
        assert lab.reaches("leviathan", MESH["absis"]) and lab.reaches("absis", MESH["leviathan"])
    finally:
        machine.boot(name)
    whole(lab)
