from pathlib import Path

import pytest

from rehearsal.machines import disks
from rehearsal.machines.disks import Attached
from rehearsal.machines.spec import Disk


def test_a_disk_is_found_by_its_id_and_tells_its_serial() -> None:
    lines = disks.tmpfiles((Attached(Disk("virtio-a", "A-1", 1), "/dev/loop5"),)).splitlines()
    assert lines[1] == "L+ /dev/disk/by-id/virtio-a - - - - ../../loop5"
    assert lines[2].startswith("f+ /run/udev/data/b7:5 ")
    assert "\\nE:ID_SERIAL_SHORT=A-1\\n" in lines[2]


def test_a_percent_sign_in_a_serial_is_not_taken_for_a_specifier() -> None:
    assert "ID_SERIAL_SHORT=50%%\\n" in disks.tmpfiles((Attached(Disk("a", "50%", 1), "/dev/loop0"),))


def test_a_machine_without_disks_gets_no_entries() -> None:
    assert disks.tmpfiles(()) == ""


def test_loop_devices_are_known_by_their_file_also_after_its_deletion(monkeypatch: pytest.MonkeyPatch) -> None:
    listing = """{"loopdevices": [
        {"name": "/dev/loop1", "back-file": "/lab/m/disks/a.img"},
        {"name": "/dev/loop2", "back-file": "/lab/m/disks/b.img (deleted)"},
        {"name": "/dev/loop3", "back-file": "/laboratory/c.img"},
        {"name": "/dev/loop4", "back-file": null}]}"""
    monkeypatch.setattr(disks, "run", lambda *_: listing)
    assert disks.attached(Path("/lab")) == {"/lab/m/disks/a.img": "/dev/loop1", "/lab/m/disks/b.img": "/dev/loop2"}
