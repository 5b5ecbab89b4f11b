"""Way through a host firewall that drops by policy (Docker's, ufw's): nftables lets one table's drop win over all others' accept.

Only where iptables is there and its policy drops; the rehearsal's own nft table still judges what these rules let through.
"""

import shutil
from collections.abc import Iterator, Mapping

from rehearsal.machines.addresses import LINKS
from rehearsal.machines.shell import run, succeeds

MARK = "hl-rehearsal"  # the comment by which the rules are found again
RULES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "INPUT": tuple(("-i", link) for link in LINKS.values()),
    "FORWARD": (("-i", LINKS["internet"]), ("-o", LINKS["internet"], "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED")),
}


def open_way() -> None:
    """Insert the rules where the policy is to drop."""
    for chain, rule in _rules():
        if f"-P {chain} DROP" in run("iptables", "-w", "-S", chain):
            run("iptables", "-w", "-I", chain, *rule)


def close_way() -> None:
    """Remove them, as often as they are there."""
    for chain, rule in _rules():
        while succeeds("iptables", "-w", "-C", chain, *rule):
            run("iptables", "-w", "-D", chain, *rule)


def left() -> list[str]:
    """Rules of ours that are there."""
    if not shutil.which("iptables"):
        return []
    return [line for chain in RULES for line in run("iptables", "-w", "-S", chain, check=False).splitlines() if MARK in line]


def _rules() -> Iterator[tuple[str, tuple[str, ...]]]:
    if shutil.which("iptables"):
        for chain, rules in RULES.items():
            for rule in rules:
                yield chain, (*rule, "-m", "comment", "--comment", MARK, "-j", "ACCEPT")
