"""`make discover`: facts in, a block of configuration out that the model accepts."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml

from commands.discover import parse
from commands.discovered import Account, block, disks, lan_address, memory, size_as_sold
from config.machines import Machine

HOST_KEY = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))).decode()
ACCOUNT = Account("tyler", "192.168.1.10", 22, HOST_KEY)


def disk(**changes: Any) -> dict[str, Any]:
    whole = {"path": "/dev/sdb", "ids": ["ata-WDC_WD40_WD-1", "wwn-0x1"], "serial": "WD-1", "size": 4_000_787_030_016}
    return {**whole, "removable": False, "root": False, "mounts": [], "holds": [], **changes}


FACTS: dict[str, Any] = {
    "os": {"name": "Debian GNU/Linux 12 (bookworm)"},
    "kernel": "6.1.0-28-amd64",
    "host": "leviathan",
    "addresses": {"lo": ["127.0.0.1/8"], "docker0": ["172.17.0.1/16"], "eno1": ["192.168.1.10/24", "fe80::1/64"]},
    "cpus": 8,
    "memory": {"total": 33_300_000_000},
    "disks": [disk(path="/dev/sda", ids=["ata-root"], root=True), disk()],
}


def parsed(facts: dict[str, Any], account: Account = ACCOUNT) -> dict[str, Any]:
    text = "config:\n  homelab:machines:\n" + block(account, facts)
    machines: dict[str, Any] = yaml.safe_load(text)["config"]["homelab:machines"]
    return machines


def test_the_block_is_what_the_machine_says() -> None:
    assert parsed(FACTS) == {
        "leviathan": {
            "site": "home",
            "lan": "192.168.1.10/24",
            "ssh": {"user": "tyler", "hostKey": HOST_KEY},
            "cpus": 8,
            "memory": "32GiB",
            "disks": [{"id": "ata-WDC_WD40_WD-1", "serial": "WD-1", "size": "4TB"}],
        }
    }


@pytest.mark.parametrize(
    "facts",
    [
        FACTS,
        {**FACTS, "disks": []},
        {**FACTS, "disks": [disk(serial="0123456"), disk(serial="1e5", ids=["nvme-A_B:1"]), disk(serial=None), disk(size=268435456)]},
        {**FACTS, "disks": [disk(serial="tab\there", holds=["ext4 # odd"], mounts=["/a\nb: c"])]},
    ],
)
def test_the_model_accepts_the_block(facts: dict[str, Any]) -> None:
    machine = Machine.model_validate(parsed(facts)["leviathan"])
    assert machine.memory == 32 * 1024**3
    assert len(machine.disks) == sum(not entry["root"] for entry in facts["disks"])


def test_another_port_is_told() -> None:
    account = Account("root", "192.168.1.10", 2222, HOST_KEY)
    assert parsed(FACTS, account)["leviathan"]["ssh"] == {"user": "root", "port": 2222, "hostKey": HOST_KEY}


def test_the_host_key_is_marked_as_not_verified_with_its_fingerprint() -> None:
    [line] = [line for line in block(ACCOUNT, FACTS).splitlines() if "hostKey" in line]
    assert "SHA256:" in line
    assert "not verified" in line


@pytest.mark.parametrize(("host", "name"), [("Leviathan.example.net", "leviathan"), ("Home_1", "CHANGE-ME"), ("", "CHANGE-ME")])
def test_a_host_name_becomes_a_name_of_the_plan_or_is_left_to_the_person(host: str, name: str) -> None:
    assert list(parsed({**FACTS, "host": host})) == [name]


@pytest.mark.parametrize(("host", "address"), [("192.168.1.10", "192.168.1.10/24"), ("leviathan.lan", "172.17.0.1/16")])
def test_the_lan_address_is_the_one_that_was_asked_for(host: str, address: str) -> None:
    assert lan_address(host, FACTS["addresses"]) == address


@pytest.mark.parametrize(("total", "text"), [(33_300_000_000, "32GiB"), (16_700_000_000, "16GiB"), (4_100_000_000, "4GiB")])
def test_memory_is_what_is_built_in(total: int, text: str) -> None:
    assert memory(total) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (4_000_787_030_016, "4TB"),
        (18_000_207_937_536, "18TB"),
        (1_920_383_410_176, "1.92TB"),
        (500_107_862_016, "500GB"),
        (512_110_190_592, "512GB"),
        (268_435_456, "256MiB"),
    ],
)
def test_a_disk_has_the_size_on_its_label(size: int, text: str) -> None:
    assert size_as_sold(size) == text


def test_system_removable_and_nameless_disks_are_left_out() -> None:
    assert disks([disk(root=True), disk(removable=True), disk(ids=[])])[0].startswith("disks: []")


def test_a_disk_in_use_is_marked() -> None:
    assert disks([disk(mounts=["/data"], holds=["ext4"])])[1].endswith("# IN USE: mounted on /data, holds ext4")


def test_a_readable_name_is_preferred_and_the_order_is_that_of_the_names() -> None:
    listed = disks([disk(ids=["wwn-0x2", "nvme-eui.1", "nvme-S_2"]), disk(ids=["wwn-0x1", "ata-M_1"])])
    assert [line.split(",")[0] for line in listed[1:]] == ["  - {id: ata-M_1", "  - {id: nvme-S_2"]


@pytest.mark.parametrize(
    ("where", "account"),
    [
        ("tyler@192.168.1.10", Account("tyler", "192.168.1.10", 22, "")),
        ("root@box.lan:2222", Account("root", "box.lan", 2222, "")),
        ("root@[fe80::1]:2222", Account("root", "fe80::1", 2222, "")),
    ],
)
def test_an_address_is_read(where: str, account: Account) -> None:
    assert parse(where) == account


@pytest.mark.parametrize("where", ["192.168.1.10", "root@", "root@-oProxyCommand=x", "-l@x", "root@x:0", "root@x:99999", "a b@c"])
def test_anything_else_is_refused_with_the_usage(where: str) -> None:
    with pytest.raises(SystemExit, match="usage: make discover"):
        parse(where)
