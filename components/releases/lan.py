"""What own machines let in from their LAN for what runs on them, as nft says it. Pure."""

from collections.abc import Mapping, Sequence

from components.releases.catalogue.ingress import PORTS
from components.releases.hosts import HOME, doors
from components.releases.naming import PORT as NAMES
from components.releases.naming import plan as naming
from config.model import Homelab

WEB = f"tcp dport {{ {', '.join(map(str, PORTS))} }}"
SERVED = f"meta l4proto {{ tcp, udp }} th dport {NAMES}"

DISCOVERY = ("udp dport { 1900, 5353 }", "udp sport { 1900, 5353 } udp dport 32768-65535")
"""SSDP and mDNS: things in a LAN answer a question to all of it each from its own address, which no connection is known for. Answers go to
ports that programs take for asking; what listens, the pods' network for one, is below them."""


def opened(homelab: Homelab) -> Mapping[str, Sequence[str]]:
    """Own machine -> what it lets in; of a configuration with a cluster."""
    names, web = naming(homelab).servers, doors(homelab, HOME)
    return {name: [*_rules(homelab, name, name in web, "lan" in names.get(name, {}))] for name in _own(homelab)}


def _rules(homelab: Homelab, name: str, web: bool, served: bool) -> Sequence[str]:
    near = any(said.host_network and said.machine in (None, name) for said in homelab.applications.values())
    return [*([WEB] if web else []), *([SERVED] if served else []), *(DISCOVERY if near else [])]


def _own(homelab: Homelab) -> Sequence[str]:
    return [name for name, machine in homelab.machines.items() if not machine.rented]
