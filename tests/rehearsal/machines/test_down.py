import json
import shutil
import signal
from pathlib import Path

import pytest

from rehearsal import paths
from rehearsal.machines import cgroups, disks, keep, lab, leftovers, machine, networks, process
from rehearsal.machines.folder import Folder
from rehearsal.machines.shell import MachineError, run
from rehearsal.machines.spec import Spec
from tests.rehearsal.machines.probe import connects

pytestmark = pytest.mark.rehearsal


@pytest.fixture(autouse=True)
def networked(state: Path) -> None:
    networks.up()


def shoot(group: str) -> None:
    """SIGKILL the oldest process of a group: a machine's supervisor, a helper."""
    oldest = process.of(min(cgroups.processes(group)))
    assert oldest is not None
    assert process.end(oldest, signal.SIGKILL, deadline=10)


def test_what_stands_is_found_piece_by_piece(own: Spec) -> None:
    machine.start(own)
    kinds = {" ".join(line.split()[:2]) for line in leftovers.find()}
    assert {"control group", "loop device", "network namespace", "network interface", "nft table"} <= kinds


def test_a_lab_that_runs_goes_down_to_nothing(own: Spec, rented: Spec) -> None:
    machine.start(own)
    machine.start(rented)
    before = json.loads(networks.RECORD.read_text())["ip_forward"]
    assert lab.down() == []
    assert networks.FORWARDING.read_text().strip() == before


def test_a_killed_supervisor_leaves_nothing_after_down(own: Spec) -> None:
    machine.start(own)
    shoot(own.name)
    assert not machine.running(own.name)
    assert lab.down() == []


def test_a_killed_time_server_is_started_again_and_machines_run_on(own: Spec) -> None:
    machine.start(own)
    shoot(keep.CLOCK)
    assert not networks.present()
    networks.up()
    assert networks.present() and machine.running(own.name)


def test_networks_that_lost_a_part_are_made_anew_and_machines_boot_into_them(own: Spec) -> None:
    machine.start(own)
    run("ip", "link", "delete", "hl-home")
    networks.up()
    assert not machine.running(own.name)
    machine.boot(own.name)
    assert connects(str(own.address.ip), 22)


def test_a_rehearsal_of_another_checkout_is_left_alone(own: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.start(own)
    monkeypatch.setenv("HOMELAB_REHEARSAL", str(tmp_path))
    for act in (networks.up, networks.down, lab.down):
        with pytest.raises(MachineError, match="another checkout"):
            act()
    monkeypatch.undo()
    assert networks.present() and machine.running(own.name)


def test_what_a_dead_rehearsal_of_another_checkout_left_does_not_hold_the_host(
    own: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.start(own)
    theirs = Folder(own.name).path
    for name in cgroups.names():
        cgroups.kill(name)
    with monkeypatch.context() as patch:
        patch.setenv("HOMELAB_REHEARSAL", str(tmp_path))
        assert networks.stranger() is None
        assert lab.down() == []
    assert theirs.exists()
    assert not disks.attached(paths.state())


def test_down_needs_no_state_file(own: Spec) -> None:
    machine.start(own)
    for file in ("spec.json", "pid"):
        (Folder(own.name).path / file).unlink()
    assert lab.down() == []


def test_down_finds_everything_when_the_whole_state_folder_is_deleted(own: Spec, rented: Spec) -> None:
    machine.start(own)
    machine.start(rented)
    shutil.rmtree(Folder(own.name).path.parent, ignore_errors=True)
    assert lab.down() == []


def test_a_machine_that_was_being_laid_when_its_maker_died_is_laid_anew(own: Spec) -> None:
    unfinished = Folder(own.name).path / "root.planting.new/etc"
    unfinished.mkdir(parents=True)
    machine.start(own)
    assert machine.running(own.name)
    machine.remove(own.name)


def test_down_twice_is_no_error() -> None:
    assert (lab.down(), lab.down()) == ([], [])
