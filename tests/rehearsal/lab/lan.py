"""The two paths between the home machines, in the hands of a test."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from rehearsal.machines.addresses import SWITCH
from rehearsal.machines.shell import inside, run
from tests.rehearsal.lab.lab import Lab

MESH = {"leviathan": "10.88.0.1", "absis": "10.88.0.2"}


def takes(lab: Lab, one: str, other: str) -> str:
    """By which way a machine sends to another's mesh address."""
    (route,) = json.loads(lab.inside(one, "ip", "-json", "route", "get", MESH[other]).stdout)
    assert route["prefsrc"] == MESH[one]
    return "tunnel" if route["dev"] == "tinc0" else "lan"


def taken(lab: Lab) -> set[str]:
    return {takes(lab, "leviathan", "absis"), takes(lab, "absis", "leviathan")}


def mac(lab: Lab, name: str) -> str:
    return next(link["address"] for link in json.loads(lab.inside(name, "ip", "-json", "link").stdout) if link["ifname"] == "host0")


@contextmanager
def cut(lab: Lab) -> Iterator[None]:
    """The two home machines no longer hear each other in the LAN; each still reaches the router."""
    one, other = mac(lab, "leviathan"), mac(lab, "absis")
    drops = "\n".join(f"ether saddr {a} ether daddr {b} drop" for a, b in ((one, other), (other, one)))
    rules = f"table bridge hl_cut {{\nchain between {{\ntype filter hook forward priority 0\n{drops}\n}}\n}}\n"
    run(*inside(SWITCH, ("nft", "-f", "-")), stdin=rules)
    try:
        yield
    finally:
        run(*inside(SWITCH, ("nft", "delete", "table", "bridge", "hl_cut")))


@contextmanager
def no_tinc(lab: Lab) -> Iterator[None]:
    """Tinc is stopped on every machine."""
    machines = (*MESH, "nimbus")
    for name in machines:
        lab.inside(name, "systemctl", "stop", "tinc@homelab")
    try:
        yield
    finally:
        for name in machines:
            lab.inside(name, "systemctl", "start", "tinc@homelab")


@contextmanager
def no_uplink() -> Iterator[None]:
    """The home's router reaches nobody, and nobody reaches it; the LAN is as before."""
    port = "r-home-outer"  # of the router, in the switch
    drops = f'iifname "{port}" drop\noifname "{port}" drop'
    rules = f"table bridge hl_uplink {{\nchain off {{\ntype filter hook forward priority 0\n{drops}\n}}\n}}\n"
    run(*inside(SWITCH, ("nft", "-f", "-")), stdin=rules)
    try:
        yield
    finally:
        run(*inside(SWITCH, ("nft", "delete", "table", "bridge", "hl_uplink")))
