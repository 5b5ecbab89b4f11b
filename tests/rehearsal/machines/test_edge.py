from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface, ip_network
from pathlib import Path

import pytest

from rehearsal import paths
from rehearsal.machines import edge, machine
from rehearsal.machines.shell import inside, run, wait_until
from rehearsal.machines.spec import EdgeRule, Spec
from rehearsal.plugins.vultr.store import Store
from rehearsal.plugins.vultr.zones import Zones
from tests.rehearsal.machines.probe import connects, connects_from, listen

pytestmark = pytest.mark.rehearsal
ANY = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}
PORTS = (22, 80, 8080)
FAR = "hl-r-cafe"  # somewhere else on the internet


@pytest.fixture(scope="module")
def server(state: Path) -> Spec:
    spec = Spec("t-edge", "internet", IPv4Interface("203.0.113.151/24"), IPv4Address("203.0.113.1"), IPv6Interface("2001:db8:113::151/64"))
    machine.start(spec)
    listen(spec.name, PORTS[1:])
    # Its address of version 6 is usable once the kernel knows that nobody else has it.
    wait_until(lambda: connects("2001:db8:113::151", PORTS[0]), 20, lambda: "no answer from its address of version 6")
    return spec


@pytest.fixture(autouse=True)
def opened_again(server: Spec) -> Iterator[None]:
    yield
    edge.rules(server.name, None)


def answering(server: Spec, version: int) -> set[int]:
    """Ports that answer the host, which is on the internet too."""
    address = server.address.ip if version == 4 else server.address6.ip if server.address6 else ""
    return {port for port in PORTS if connects(str(address), port)}


@pytest.mark.parametrize("version", [4, 6])
def test_without_a_group_every_port_answers(server: Spec, version: int) -> None:
    assert answering(server, version) == set(PORTS)


@pytest.mark.parametrize("version", [4, 6])
def test_a_group_without_rules_closes_everything(server: Spec, version: int) -> None:
    edge.rules(server.name, ())
    assert answering(server, version) == set()


@pytest.mark.parametrize(("version", "other"), [(4, 6), (6, 4)])
def test_a_rule_opens_its_port_in_its_own_version_only(server: Spec, version: int, other: int) -> None:
    edge.rules(server.name, (EdgeRule(version, "tcp", "80", ANY[version]),))  # type: ignore[arg-type]  # 4 or 6
    assert (answering(server, version), answering(server, other)) == ({80}, set())


def test_a_rule_for_a_network_lets_in_that_network_only(server: Spec) -> None:
    edge.rules(server.name, (EdgeRule(4, "tcp", "80", ip_network("203.0.113.30/32")),))
    assert connects(str(server.address.ip), 80, FAR)
    assert not connects(str(server.address.ip), 80)


def test_the_machine_itself_gets_out_whatever_the_rules(server: Spec) -> None:
    edge.rules(server.name, ())
    assert machine.run(server.name, ("ping", "-c", "1", "-W", "2", "203.0.113.1")).returncode == 0
    assert machine.run(server.name, ("ping", "-c", "1", "-W", "2", "2001:db8:113::1")).returncode == 0
    assert machine.run(server.name, ("getent", "hosts", "deb.debian.org")).returncode == 0


def test_names_of_the_account_resolve_on_the_internet_while_they_are_there(server: Spec) -> None:
    zones = Zones(Store(paths.state() / "vultr"))
    zones.create_domain("lab.example.org", "disabled")
    zones.create_record("lab.example.org", type="A", name="plex", data="203.0.113.151", ttl=300, priority=0)
    asked = ("getent", "ahostsv4", "plex.lab.example.org")
    assert "203.0.113.151" in machine.run(server.name, asked).stdout
    zones.delete_domain("lab.example.org")
    assert machine.run(server.name, asked).returncode == 2


def test_the_guests_root_cannot_open_what_the_provider_closes(server: Spec) -> None:
    edge.rules(server.name, ())
    machine.run(server.name, ("sh", "-c", "nft flush ruleset; iptables -F; sysctl -w net.ipv4.ip_forward=1"))
    assert answering(server, 4) == set()


def test_the_rules_hold_across_reboots_of_the_guest(server: Spec) -> None:
    edge.rules(server.name, (EdgeRule(4, "tcp", "22", ANY[4]),))
    leader = machine.leader(server.name)
    machine.run(server.name, ("systemctl", "reboot"))
    wait_until(lambda: machine.leader(server.name) not in (None, leader), 60, lambda: "no reboot")
    wait_until(lambda: connects(str(server.address.ip), 22), 60, lambda: "sshd did not come back")
    listen(server.name, PORTS[1:])
    assert answering(server, 4) == {22}
    assert connects_from(server.name, "127.0.0.1", 80)


def test_rules_set_before_the_machine_exists_hold_from_its_first_packet(server: Spec) -> None:
    edge.rules("t-later", (EdgeRule(4, "tcp", "80", ANY[4]),))
    edge.up("t-later")
    shown = (edge.namespace("t-later"), "nft", "list", "table", "inet", "hl_edge")
    assert "tcp dport 80 accept" in run(*inside(shown[0], shown[1:]))
    edge.down("t-later")
