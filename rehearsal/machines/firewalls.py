"""Texts for nft: the host as the provider's gateway, a household's router, the provider's firewall before a rented machine."""

from collections.abc import Sequence
from ipaddress import IPv4Address

from rehearsal.machines.addresses import GATEWAY, INTERNET, LINKS, NAMES_PORT
from rehearsal.machines.spec import EdgeRule

TABLE = "hl_rehearsal"
FROM_OUTSIDE = "0x686c"  # the mark of packets that reach a rented machine's firewall from the internet
PRIVATE = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16"


def host(resolver: IPv4Address, forwarded_before: bool) -> str:
    """The host's own table. Machines get out by the uplink, and to this host only for names, time and echo. Long answers
    (TCP) come from the resolver itself: none about the rehearsal's own names is. Private addresses are nobody's there, as on the real
    Internet: what a machine sent to a service of the cluster before its rules stood would else get a stranger's answer.

    When the host did not forward before, it goes on not forwarding anything that is not the rehearsal's.
    """
    strangers = "" if forwarded_before else '        iifname != "hl-*" oifname != "hl-*" drop\n'
    return f"""
table inet {TABLE} {{
    chain names {{
        type nat hook prerouting priority dstnat
        iifname {LINKS["internet"]} ip daddr {GATEWAY.ip} udp dport 53 redirect to :{NAMES_PORT}
        iifname {LINKS["internet"]} ip daddr {GATEWAY.ip} tcp dport 53 dnat ip to {resolver}
    }}
    chain out {{
        type nat hook postrouting priority srcnat
        ip saddr {INTERNET} oifname != "hl-*" masquerade
    }}
    chain between {{
        type filter hook forward priority filter
        iifname "hl-*" oifname "hl-*" drop
        ct status dnat accept
        iifname {LINKS["internet"]} ip daddr {{ {PRIVATE} }} reject with icmp net-unreachable
        iifname {LINKS["internet"]} ip saddr {INTERNET} accept
        oifname {LINKS["internet"]} ct state established,related accept
        iifname "hl-*" drop
        oifname "hl-*" drop
{strangers}    }}
    chain here {{
        type filter hook input priority filter
        iifname != "hl-*" accept
        ct state established,related accept
        meta l4proto {{ icmp, ipv6-icmp }} accept
        iifname {LINKS["internet"]} udp dport {{ {NAMES_PORT}, 123 }} accept
        iifname {LINKS["internet"]} tcp dport 53 accept
        drop
    }}
}}
"""


def router() -> str:
    """A household's router between its interfaces `inner` and `outer`."""
    return """
table ip hl_router {
    chain out {
        type nat hook postrouting priority srcnat
        oifname "outer" masquerade
    }
    chain between {
        type filter hook forward priority filter; policy drop
        ct state established,related accept
        iifname "inner" oifname "outer" accept
    }
    chain here {
        type filter hook input priority filter; policy drop
        ct state established,related accept
        iifname { "lo", "inner" } accept
        meta l4proto icmp accept
    }
}
"""


def edge(rules: Sequence[EdgeRule] | None) -> str:
    """The provider's firewall group, replacing the one before. None: no group, all open; no rules: all closed inbound.

    The bridge family has no connection tracking on every kernel, and the inet family does not see the port a bridged
    packet came by: so the bridge marks what comes from outside, and inet (reached through br_netfilter) judges it.
    """
    head = f"""
table bridge hl_edge
delete table bridge hl_edge
table bridge hl_edge {{
    chain inbound {{
        type filter hook prerouting priority -300
        iifname "uplink" meta mark set {FROM_OUTSIDE}
    }}
}}
table inet hl_edge
delete table inet hl_edge
"""
    if rules is None:
        return head
    lines = "\n".join(f"        {_admit(rule)} accept" for rule in sorted(set(rules), key=str))
    return f"""{head}table inet hl_edge {{
    chain through {{
        type filter hook forward priority filter
        meta mark != {FROM_OUTSIDE} accept
        ct state established,related accept
        icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert }} accept
{lines}
        drop
    }}
}}
"""


def _admit(rule: EdgeRule) -> str:
    family = "ip" if rule.version == 4 else "ip6"
    source = f" {family} saddr {rule.source}" if rule.source.prefixlen else ""
    protocol = "ipv6-icmp" if rule.protocol == "icmp" and rule.version == 6 else rule.protocol
    port = f" {rule.protocol} dport {rule.port.replace(':', '-')}" if rule.port and rule.protocol in ("tcp", "udp") else ""
    return f"meta nfproto ipv{rule.version}{source} meta l4proto {protocol}{port}"
