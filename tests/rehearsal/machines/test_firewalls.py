from ipaddress import IPv4Address, ip_network

import pytest

from rehearsal.machines import firewalls, iptables
from rehearsal.machines.spec import EdgeRule

ANY4, ANY6 = ip_network("0.0.0.0/0"), ip_network("::/0")


def admitted(*rules: EdgeRule) -> list[str]:
    """The lines of the edge's firewall that rules add."""
    bare, full = (firewalls.edge(wanted).splitlines() for wanted in ((), rules))
    return [line.strip() for line in full if line not in bare]


def test_a_rule_for_everyone_names_version_protocol_and_port() -> None:
    assert admitted(EdgeRule(4, "tcp", "22", ANY4)) == ["meta nfproto ipv4 meta l4proto tcp tcp dport 22 accept"]
    assert admitted(EdgeRule(6, "udp", "655", ANY6)) == ["meta nfproto ipv6 meta l4proto udp udp dport 655 accept"]


def test_a_rule_for_one_network_names_it() -> None:
    rule = EdgeRule(4, "tcp", "443", ip_network("198.51.100.0/24"))
    assert admitted(rule) == ["meta nfproto ipv4 ip saddr 198.51.100.0/24 meta l4proto tcp tcp dport 443 accept"]


def test_a_port_range_is_written_as_nft_writes_it() -> None:
    assert admitted(EdgeRule(4, "tcp", "8000:9000", ANY4)) == ["meta nfproto ipv4 meta l4proto tcp tcp dport 8000-9000 accept"]


def test_echo_has_its_own_protocol_in_version_6() -> None:
    assert admitted(EdgeRule(6, "icmp", "", ANY6)) == ["meta nfproto ipv6 meta l4proto ipv6-icmp accept"]


def test_without_a_group_nothing_is_dropped() -> None:
    assert "drop" not in firewalls.edge(None)


def test_a_group_without_rules_drops_all_but_answers_and_neighbour_discovery() -> None:
    lines = [line.strip() for line in firewalls.edge(()).splitlines()]
    assert lines[-3] == "drop"
    assert [line.partition(" ")[0] for line in lines if line.endswith(" accept")] == ["meta", "ct", "icmpv6"]


def test_a_host_that_did_not_forward_goes_on_forwarding_nothing_of_its_own() -> None:
    strangers = 'iifname != "hl-*" oifname != "hl-*" drop'
    assert strangers in firewalls.host(IPv4Address("192.0.2.53"), forwarded_before=False)
    assert strangers not in firewalls.host(IPv4Address("192.0.2.53"), forwarded_before=True)


def test_names_are_asked_of_the_rehearsals_own_server_and_long_answers_of_the_hosts() -> None:
    lines = {line.strip() for line in firewalls.host(IPv4Address("192.0.2.53"), forwarded_before=True).splitlines()}
    asked = "iifname hl-internet ip daddr 203.0.113.1"
    assert {f"{asked} udp dport 53 redirect to :10053", f"{asked} tcp dport 53 dnat ip to 192.0.2.53"} <= lines
    assert "iifname hl-internet udp dport { 10053, 123 } accept" in lines


@pytest.mark.parametrize(("policy", "chains"), [("ACCEPT", set()), ("DROP", {"INPUT", "FORWARD"})])
def test_the_hosts_own_firewall_is_passed_only_where_it_drops_by_policy(
    policy: str, chains: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    inserted: set[str] = set()

    def run(*argv: str) -> str:
        if "-I" in argv:
            inserted.add(argv[3])
            assert iptables.MARK in argv
        return f"-P {argv[3]} {policy}\n"

    monkeypatch.setattr(iptables, "run", run)
    monkeypatch.setattr(iptables.shutil, "which", lambda _: "/usr/sbin/iptables")
    iptables.open_way()
    assert inserted == chains


def test_private_addresses_are_nobody_s_on_the_internet_but_the_host_s_resolver_may_have_one() -> None:
    """An API server asked a service before its rules stood; whoever answered outside went on answering in the service's place."""
    lines = [line.strip() for line in firewalls.host(IPv4Address("10.0.0.53"), forwarded_before=True).splitlines()]
    refused = lines.index(f"iifname hl-internet ip daddr {{ {firewalls.PRIVATE} }} reject with icmp net-unreachable")
    assert lines.index("ct status dnat accept") < refused < lines.index("iifname hl-internet ip saddr 203.0.113.0/24 accept")
