from dataclasses import replace
from pathlib import Path

import pytest

from rehearsal.machines import kernel, root
from rehearsal.machines.spec import Spec


def test_a_machine_of_the_operators_has_no_cloud_init(own: Spec) -> None:
    files = root.files(own)
    assert "etc/cloud/cloud-init.disabled" in files
    assert not any("seed" in name for name in files)


def test_user_data_reaches_cloud_init_unchanged(rented: Spec) -> None:
    files = root.files(rented)
    assert files["var/lib/cloud/seed/nocloud/user-data"] == rented.user_data
    assert "etc/cloud/cloud-init.disabled" not in files


def test_a_reinstalled_machine_is_another_instance_to_cloud_init(rented: Spec) -> None:
    seeds = {root.files(rented)["var/lib/cloud/seed/nocloud/meta-data"] for _ in range(2)}
    assert len(seeds) == 2


def test_the_interface_has_every_address_and_the_gateway(rented: Spec) -> None:
    lines = root.network(rented).splitlines()
    assert lines[-3:] == ["Address=203.0.113.150/24", "Address=2001:db8:113::150/64", "Gateway=203.0.113.1"]
    assert sum(line.startswith("Address=") for line in root.network(replace(rented, address6=None)).splitlines()) == 1


def test_a_file_is_put_in_place_of_a_link_not_through_it(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "root"
    outside.write_text("precious")
    inside.mkdir()
    (inside / "etc").symlink_to(tmp_path / "nowhere", target_is_directory=True)
    (inside / "etc").unlink()
    (inside / "etc").mkdir()
    (inside / "etc/resolv.conf").symlink_to(outside)
    root.put(inside, "etc/resolv.conf", "nameserver 203.0.113.1\n", 0o640)
    assert outside.read_text() == "precious"
    assert (inside / "etc/resolv.conf").stat().st_mode & 0o777 == 0o640


def test_a_machine_gets_the_hosts_own_authorities_and_its_pip_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(root, "run", lambda *argv: ran.append(argv))
    host, plain = tmp_path / "host", tmp_path / "plain"
    root.trust(tmp_path / "one", plain)
    assert not (tmp_path / "one").exists()
    assert ran == []
    root.put(host, "usr/local/share/ca-certificates/deep/ours.crt", "PEM")
    root.trust(tmp_path / "two", host)
    assert (tmp_path / "two/usr/local/share/ca-certificates/ours.crt").read_text() == "PEM"
    assert "ca-certificates.crt" in (tmp_path / "two/etc/pip.conf").read_text()
    assert ran == [("chroot", str(tmp_path / "two"), "update-ca-certificates")]
    root.put(host, "etc/pip.conf", "[global]\n")
    root.trust(tmp_path / "three", host)
    assert (tmp_path / "three/etc/pip.conf").read_text() == "[global]\n"


def test_what_a_kubelet_writes_to_the_kernel_goes_to_a_copy(own: Spec) -> None:
    unit = root.files(own)[f"etc/systemd/system/{kernel.UNIT}"]
    copied = [line for line in unit.splitlines() if "mount --bind" in line]
    assert [line.rsplit("/proc/sys/", 1)[1].rstrip("'") for line in copied] == [*kernel.SETTINGS]
