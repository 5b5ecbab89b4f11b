"""The provider's side of a rented machine: a namespace with a transparent bridge and a firewall that the guest cannot touch.

It lies between the `internet` bridge and the machine's interface, stays when the guest reboots, and filters IPv4 and
IPv6 with connection tracking.
"""

import hashlib
from collections.abc import Sequence

from rehearsal import paths
from rehearsal.machines import firewalls
from rehearsal.machines.addresses import BRIDGES, SWITCH
from rehearsal.machines.networks import namespaces
from rehearsal.machines.shell import inside, run
from rehearsal.machines.spec import EdgeRule, rules_from_json, rules_to_json

BRIDGE = "hl-edge"  # in the edge's namespace: what the machine is plugged into


def namespace(name: str) -> str:
    """The namespace of a machine's edge; its name is also the port's on the switch, hence at most 15 characters."""
    return f"hl-e-{name}" if len(name) <= 10 else f"hl-e-{hashlib.sha256(name.encode()).hexdigest()[:10]}"


def rules(name: str, wanted: Sequence[EdgeRule] | None) -> None:
    """Set what the firewall lets in: None = no group (all open), () = a group without rules (all closed inbound).

    Kept for later starts; put in force at once when the edge stands.
    """
    kept = paths.state() / "edges" / f"{name}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    scratch = kept.with_suffix(".new")
    scratch.write_text(rules_to_json(None if wanted is None else tuple(wanted)))
    scratch.replace(kept)
    if namespace(name) in namespaces():
        _enforce(name)


def up(name: str) -> None:
    """Make the edge when it is not there, with the rules last set."""
    edge = namespace(name)
    if edge in namespaces():
        _enforce(name)
        return
    run("ip", "netns", "add", edge)
    for family in ("ip", "ip6"):
        run(*inside(edge, ("sysctl", "-q", "-w", f"net.bridge.bridge-nf-call-{family}tables=1")))
    _enforce(name)  # before the first packet can pass
    run("ip", "-n", edge, "link", "add", BRIDGE, "type", "bridge")
    run("ip", "-n", edge, "link", "add", "uplink", "type", "veth", "peer", "name", edge, "netns", SWITCH)
    run("ip", "-n", edge, "link", "set", "uplink", "master", BRIDGE, "up")
    run("ip", "-n", edge, "link", "set", BRIDGE, "up")
    run("ip", "-n", SWITCH, "link", "set", edge, "master", BRIDGES["internet"], "up")


def down(name: str) -> None:
    """Remove the edge and forget its rules."""
    (paths.state() / "edges" / f"{name}.json").unlink(missing_ok=True)
    if namespace(name) in namespaces():
        run("ip", "netns", "delete", namespace(name))


def _enforce(name: str) -> None:
    try:
        wanted = rules_from_json((paths.state() / "edges" / f"{name}.json").read_text())
    except FileNotFoundError:
        wanted = None
    run(*inside(namespace(name), ("nft", "-f", "-")), stdin=firewalls.edge(wanted))
