"""The objects of an account, under the names that the cloud's HTTP interface gives their fields."""

from __future__ import annotations

import json
from dataclasses import dataclass

NO_ADDRESS = "0.0.0.0"


class Refused(Exception):
    """An answer that is not 2xx; its text is the body, which the provider matches word by word."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(json.dumps({"error": error, "status": status}, separators=(",", ":")))
        self.status = status


@dataclass(frozen=True)
class SSHKey:
    id: str
    name: str
    ssh_key: str
    date_created: str


@dataclass(frozen=True)
class FirewallGroup:
    id: str
    description: str
    date_created: str
    date_modified: str
    next_rule: int = 1


@dataclass(frozen=True)
class FirewallRule:
    """ip_type: v4 | v6; port: "655", "8000:8100" or ""; subnet with subnet_size: who may come in."""

    id: int
    group: str
    ip_type: str
    protocol: str
    subnet: str
    subnet_size: int
    port: str
    source: str
    notes: str

    @property
    def meaning(self) -> tuple[object, ...]:
        """What makes two rules of a group duplicates: all but number and notes."""
        return (self.ip_type, self.protocol, self.subnet, self.subnet_size, self.port, self.source)


@dataclass(frozen=True)
class ReservedIp:
    id: str
    region: str
    ip_type: str
    subnet: str
    subnet_size: int
    label: str
    instance_id: str = ""


@dataclass(frozen=True)
class DnsDomain:
    domain: str
    dns_sec: str
    date_created: str


@dataclass(frozen=True)
class DnsRecord:
    """name: below the domain, "" for the domain itself."""

    id: str
    domain: str
    type: str
    name: str
    data: str
    ttl: int
    priority: int


@dataclass(frozen=True)
class Order:
    """The body of a request for an instance."""

    region: str
    plan: str
    os_id: int
    label: str = ""
    hostname: str = ""
    tags: tuple[str, ...] = ()
    sshkey_id: tuple[str, ...] = ()
    user_data: str = ""
    firewall_group_id: str = ""
    reserved_ipv4: str = ""
    enable_ipv6: bool = False


@dataclass(frozen=True)
class Instance:
    """machine: its name on the hypervisor; address: what it gets; error: why it did not boot (status `failed`)."""

    id: str
    machine: str
    region: str
    plan: str
    os_id: int
    label: str
    hostname: str
    tags: tuple[str, ...]
    sshkey_id: tuple[str, ...]
    user_data: str
    firewall_group_id: str
    enable_ipv6: bool
    address: str
    default_password: str
    date_created: str
    status: str = "pending"
    error: str = ""

    @property
    def main_ip(self) -> str:
        """The address only counts once the system is installed, as with the real cloud."""
        return self.address if self.status == "active" else NO_ADDRESS

    @property
    def v6_main_ip(self) -> str:
        return f"2001:db8:113::{self.address.rpartition('.')[2]}" if self.enable_ipv6 and self.status == "active" else ""
