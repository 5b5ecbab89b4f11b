from functools import partial
from pathlib import Path

import pytest

from config.load import read
from rehearsal.machines import edge, lab, leftovers, networks
from rehearsal.machines.shell import MachineError


def fail(text: str) -> None:
    raise MachineError(text)


def test_the_lab_is_what_the_dev_stack_declares_and_not_rented_with_a_laptop() -> None:
    specs = {spec.name: spec for spec in lab.specs(read("dev"))}
    assert {name: spec.network for name, spec in specs.items()} == {"leviathan": "home", "absis": "home", "laptop": "cafe"}
    assert specs["leviathan"].user == "tyler"
    assert [disk.serial for disk in specs["absis"].disks] == ["ABS-1", "ABS-2"]


def test_every_failure_is_told_and_none_stops_the_others() -> None:
    done: list[str] = []
    assert lab.together([partial(fail, "one"), partial(done.append, "two"), partial(fail, "three")]) == ["one", "three"]
    assert done == ["two"]


def test_mounts_that_are_left_are_found_innermost_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOMELAB_REHEARSAL", "/a b")
    table = "x / ext4 rw 0 0\nx /a\\040b/m tmpfs rw 0 0\nx /a\\040b/m/deeper tmpfs rw 0 0\nx /a\\040bc tmpfs rw 0 0\n"
    (tmp_path / "mounts").write_text(table)
    monkeypatch.setattr(leftovers, "MOUNTS", tmp_path / "mounts")
    assert leftovers.mounts() == ["/a b/m/deeper", "/a b/m"]


def test_an_interface_name_fits_the_kernel_however_long_the_machines_is() -> None:
    names = [edge.namespace(name) for name in ("nimbus", "a" * 40, "a" * 39 + "b")]
    assert len(set(names)) == 3
    assert max(map(len, names)) <= 15


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("nameserver 192.0.2.53\n", "192.0.2.53"),
        ("# nameserver 192.0.2.1\nnameserver ::1\nnameserver 127.0.0.1\nnameserver 192.0.2.2\n", "192.0.2.2"),
    ],
)
def test_machines_use_the_first_resolver_they_can_reach(text: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "resolv.conf").write_text(text)
    monkeypatch.setattr(networks, "RESOLVERS", (tmp_path / "missing", tmp_path / "resolv.conf"))
    assert str(networks.resolver()) == wanted


def test_a_host_with_no_resolver_but_its_own_loopback_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.53\n")
    monkeypatch.setattr(networks, "RESOLVERS", (tmp_path / "resolv.conf",))
    with pytest.raises(MachineError, match="name server"):
        networks.resolver()
