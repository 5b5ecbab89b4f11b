"""The rehearsal's three networks: names and addresses, all in ranges that are reserved for documentation or private use."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface

HOME = IPv4Network("192.168.77.0/24")
CAFE = IPv4Network("192.168.99.0/24")
INTERNET = IPv4Network("203.0.113.0/24")

DESK = IPv4Interface("192.168.77.2/24")  # the host on the home network: the operator's desk
NAMES_PORT = 10053  # where the gateway's name server listens: port 53 may be taken by one of the host's own
GATEWAY = IPv4Interface("203.0.113.1/32")  # the host on the internet network: way out, resolver, clock
# The host routes only these parts of INTERNET to its bridge (gateway and routers; rented machines), and answers for the
# rest by proxy ARP: sandboxes and test beds use the same documentation range for things that must stay in reach.
CLAIMED = tuple(IPv4Network(f"203.0.113.{part}") for part in ("0/27", "96/27", "128/25"))
GATEWAY6 = IPv6Interface("2001:db8:113::1/64")

SWITCH = "hl-switch"  # the network namespace with all bridges: the host's firewall never sees what they carry
LINKS = {"home": "hl-home", "internet": "hl-internet"}  # the host's own ends
BRIDGES = {"home": "hl-home", "internet": "hl-internet", "cafe": "hl-cafe"}  # in SWITCH


@dataclass(frozen=True)
class Router:
    """A household's router: NAT, nothing let in that was not asked for from inside."""

    namespace: str
    network: str
    inner: IPv4Interface
    outer: IPv4Interface


ROUTERS = (
    Router("hl-r-home", "home", IPv4Interface("192.168.77.1/24"), IPv4Interface("203.0.113.20/24")),
    Router("hl-r-cafe", "cafe", IPv4Interface("192.168.99.1/24"), IPv4Interface("203.0.113.30/24")),
)


def gateway_of(network: str) -> IPv4Address:
    """The default gateway of machines on a network."""
    for router in ROUTERS:
        if router.network == network:
            return router.inner.ip
    return GATEWAY.ip
