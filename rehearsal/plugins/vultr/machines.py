"""The rehearsal's machines as the cloud's hypervisor."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface, ip_network
from typing import cast

from rehearsal.machines import edge, machine
from rehearsal.machines.spec import EdgeRule, Protocol, Spec
from rehearsal.plugins.vultr.hypervisor import Server
from rehearsal.plugins.vultr.objects import FirewallRule

GATEWAY = IPv4Address("203.0.113.1")


class Machines:
    """Every instance is a machine of its own on the `internet` network."""

    def start(self, server: Server) -> None:
        machine.start(spec(server))

    def remove(self, name: str) -> None:
        machine.remove(name)

    def running(self, name: str) -> bool:
        return machine.running(name)

    def guard(self, name: str, rules: tuple[FirewallRule, ...] | None) -> None:
        edge.rules(name, None if rules is None else tuple(edge_rule(rule) for rule in rules))


def spec(server: Server) -> Spec:
    """The machine of an instance. Without user data, root gets the account's keys, as in the real cloud."""
    return Spec(
        name=server.name,
        network="internet",
        address=IPv4Interface(f"{server.address}/24"),
        gateway=GATEWAY,
        address6=IPv6Interface(f"{server.address6}/64") if server.address6 else None,
        user_data=server.user_data or keys_only(server.keys),
    )


def keys_only(keys: tuple[str, ...]) -> str:
    """User data that does nothing but let root in with these keys (JSON is YAML)."""
    said = {"disable_root": False, "locale": False, "users": [{"name": "root", "ssh_authorized_keys": list(keys)}]}
    return "#cloud-config\n" + json.dumps(said) + "\n"


def edge_rule(rule: FirewallRule) -> EdgeRule:
    """One rule of a firewall group, as the edge in front of a machine takes it."""
    source = ip_network(f"{rule.subnet}/{rule.subnet_size}", strict=False)
    return EdgeRule(version=4 if rule.ip_type == "v4" else 6, protocol=cast(Protocol, rule.protocol), port=rule.port, source=source)
