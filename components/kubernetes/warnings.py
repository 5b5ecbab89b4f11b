"""What is allowed and still should be known, for the report and the preview. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from components.kubernetes.releases import PROVED
from components.kubernetes.variables import etcd_timing
from config.model import Homelab


def warnings(homelab: Homelab, control_plane: Sequence[str]) -> Sequence[str]:
    """A sentence or two each; of a configuration with a cluster."""
    return [*_kubespray(homelab), *_majority(homelab, control_plane), *_network(homelab)]


def slow(homelab: Homelab, control_plane: Sequence[str], round_trips: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Pairs of etcd's members whose measured round trips (ms, machine -> peer -> time) are too long for its heartbeat."""
    heartbeat, _ = etcd_timing(homelab, control_plane)
    return [
        f"{name} and {peer} are {time:.0f} ms apart, and etcd between them beats every {heartbeat} ms: raise etcd_heartbeat_interval "
        f"to {time * 2:.0f} and etcd_election_timeout to {time * 20:.0f} in homelab:kubernetes.variables"
        for name, times in round_trips.items()
        for peer, time in times.items()
        if name in control_plane and peer in control_plane and name < peer and time > heartbeat
    ]


def _kubespray(homelab: Homelab) -> Iterator[str]:
    version = homelab.kubernetes.kubespray.version if homelab.kubernetes.kubespray else None
    if version and version != PROVED:
        yield f"Kubespray {version}: the inventory and variables of this program have been tried with {PROVED} only."


def _majority(homelab: Homelab, control_plane: Sequence[str]) -> Iterator[str]:
    if len(control_plane) == 1:
        yield f"{control_plane[0]} is the whole control plane: while it is off, nothing in the cluster can be changed or moved."
    at_home = [name for name in control_plane if not homelab.machines[name].rented]
    if len(control_plane) > 1 and len(at_home) <= len(control_plane) // 2:
        yield "Without its uplink, home has no majority of the control plane: running pods go on, nothing can be changed or moved."


def _network(homelab: Homelab) -> Iterator[str]:
    if homelab.kubernetes.network == "calico":
        yield "Calico: its settings are accepted by Kubespray's own checks, and a cluster with it has not been tried; flannel has."
