"""The account over real machines of the rehearsal, and how it describes them."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

import pytest
import yaml

from rehearsal.machines import lab, leftovers, machine, networks
from rehearsal.machines.spec import EdgeRule
from rehearsal.plugins.vultr.__main__ import account, boot
from rehearsal.plugins.vultr.cloud import Cloud
from rehearsal.plugins.vultr.hypervisor import Server
from rehearsal.plugins.vultr.machines import Machines, edge_rule, keys_only, spec
from rehearsal.plugins.vultr.objects import FirewallRule, Order
from rehearsal.plugins.vultr.store import Store

ORDER = Order(region="ord", plan="vc2-2c-4gb", os_id=2136, label="test-nimbus", hostname="nimbus", enable_ipv6=True)
SSH = {"protocol": "tcp", "subnet_size": 0, "port": "22", "source": "", "notes": ""}
BOOT_DEADLINE = 240.0


def rule(**fields: object) -> FirewallRule:
    whole = {"id": 1, "group": "g", "ip_type": "v4", "protocol": "tcp", "subnet": "0.0.0.0", "subnet_size": 0, "port": "22"}
    return FirewallRule(**{**whole, "source": "", "notes": "", **fields})  # type: ignore[arg-type]


def test_a_rule_of_a_group_is_a_rule_of_the_edge() -> None:
    assert edge_rule(rule()) == EdgeRule(4, "tcp", "22", IPv4Network("0.0.0.0/0"))
    assert edge_rule(rule(ip_type="v6", protocol="udp", subnet="2001:db8::1", subnet_size=32, port="8000:8100")) == EdgeRule(
        6, "udp", "8000:8100", IPv6Network("2001:db8::/32")
    )


def test_user_data_goes_to_the_machine_as_it_came() -> None:
    wanted = spec(Server("nimbus", "203.0.113.100", "2001:db8:113::100", "#cloud-config\nruncmd: []\n", ("ssh-ed25519 AAAA",)))
    assert (str(wanted.address), str(wanted.address6), wanted.network) == ("203.0.113.100/24", "2001:db8:113::100/64", "internet")
    assert wanted.user_data == "#cloud-config\nruncmd: []\n"


def test_without_user_data_the_accounts_keys_let_root_in() -> None:
    said = yaml.safe_load(keys_only(("ssh-ed25519 AAAA 'odd\" name",)))
    assert said["users"] == [{"name": "root", "ssh_authorized_keys": ["ssh-ed25519 AAAA 'odd\" name"]}]


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """An account over real machines on a host without a rehearsal; nothing is left afterwards."""
    monkeypatch.setenv("HOMELAB_REHEARSAL", str(tmp_path))
    if standing := leftovers.find():
        pytest.fail(f"a rehearsal stands on this host; `make down` first: {standing}")
    networks.up()
    try:
        yield Cloud(Store(account()), Machines(), boot)
    finally:
        left = lab.down()
    assert left == []


def until(condition: Callable[[], bool], reason: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"not within {patience:.0f} s: {reason}"
        time.sleep(0.1)


def answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except ConnectionRefusedError:
        return True  # it came through the edge, and nobody listens
    except OSError:
        return False


@pytest.mark.rehearsal
def test_a_machine_boots_without_its_client_keeps_its_address_and_stands_behind_its_group(cloud: Cloud) -> None:
    group = cloud.create_group("test")
    for family, anyone in (("v4", "0.0.0.0"), ("v6", "::")):
        cloud.create_rule(group.id, ip_type=family, subnet=anyone, **SSH)
    address = cloud.reserve("ord", "v4", "nimbus")
    data = "#cloud-config\nlocale: false\nruncmd: [touch /root/ran]\n"
    first = cloud.order(Order(**{**vars(ORDER), "firewall_group_id": group.id, "reserved_ipv4": address.id, "user_data": data}))
    until(lambda: cloud.instance(first.id).status != "pending", "the machine is installed", BOOT_DEADLINE)
    running = cloud.instance(first.id)
    assert (running.status, running.error, running.main_ip) == ("active", "", address.subnet)
    assert cloud.powered(running)
    for where in (running.main_ip, running.v6_main_ip):
        assert (answers(where, 22), answers(where, 8080)) == (True, False)
    until(lambda: machine.run("nimbus", ["test", "-e", "/root/ran"]).returncode == 0, "cloud-init ran the user data", 60)
    by_hand = [sys.executable, "-m", "rehearsal.plugins.vultr"]
    listed = subprocess.run([*by_hand, "list"], capture_output=True, text=True, check=True).stdout
    assert listed.split()[:4] == [first.id, "test-nimbus", address.subnet, "active"]
    subprocess.run([*by_hand, "delete", first.id], check=True)
    assert machine.names() == []
    assert not answers(address.subnet, 22)
    assert cloud.reserved(address.id).instance_id == ""
