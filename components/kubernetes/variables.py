"""Kubespray's variables for all machines: group_vars/all/homelab.yml. Pure.

No LAN address is in them: who moves house runs no playbook. Why each is set: docs/facts/kubespray.md.
"""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from components.mesh.plan import DEVICE, mesh_mtu
from config.model import Homelab

VXLAN = 50
"""Bytes that a pod's packet costs on its way through the mesh."""

NODE_PREFIX = 24
LOCAL = "127.0.0.1"

NEAR, FAR = (100, 1000), (250, 5000)
"""Milliseconds between heartbeats of etcd, and without one before another leads: in one LAN, and across the Internet."""


def variables(homelab: Homelab, control_plane: Sequence[str]) -> Mapping[str, JsonValue]:
    """In alphabetical order; the operator's own come last and win where `check` lets them."""
    said = {
        **_cluster(homelab),
        **_addresses(homelab, control_plane),
        **_network(homelab),
        **_etcd(homelab, control_plane),
        **_kept_off(),
        **homelab.kubernetes.variables,
    }
    return dict(sorted(said.items()))


def pod_mtu(homelab: Homelab) -> int:
    """The largest packet of a pod that crosses the mesh in one piece."""
    return mesh_mtu(homelab.mesh.underlay_mtu) - VXLAN


def etcd_timing(homelab: Homelab, control_plane: Sequence[str]) -> tuple[int, int]:
    """Heartbeat and election time-out in milliseconds. Not by measured times, which are never twice the same."""
    sites = {homelab.machines[name].site for name in control_plane}
    return NEAR if len(sites) == 1 else FAR


def names_in_certificates(homelab: Homelab, control_plane: Sequence[str]) -> list[str]:
    """By what an API server may be called, besides what Kubespray adds by itself."""
    names = [part for name in control_plane for part in (name, f"{name}.{homelab.domain}")]
    return [*names, *(str(homelab.mesh.addresses[name]) for name in control_plane)]


def _cluster(homelab: Homelab) -> dict[str, JsonValue]:
    said = homelab.kubernetes
    return {
        "auto_renew_certificates": True,
        "cluster_name": "cluster.local",
        "container_manager": "containerd",
        "dns_mode": "coredns",
        "enable_dns_autoscaler": False,
        "enable_nodelocaldns": False,
        "kube_encrypt_secret_data": said.encrypt_secrets,
        "kube_version": said.version,
        "kubeconfig_localhost": True,
        "kubectl_localhost": False,
        "kubelet_fail_swap_on": True,
        "kubernetes_audit": said.audit,
        "upstream_dns_servers": [*map(str, homelab.names.name_servers)],
    }


def _addresses(homelab: Homelab, control_plane: Sequence[str]) -> dict[str, JsonValue]:
    return {
        "kube_apiserver_bind_address": "::",
        "kube_controller_manager_bind_address": LOCAL,
        "kube_proxy_nodeport_addresses_cidr": str(homelab.mesh.network),
        "kube_scheduler_bind_address": LOCAL,
        "supplementary_addresses_in_ssl_keys": [*names_in_certificates(homelab, control_plane)],
    }


def _network(homelab: Homelab) -> dict[str, JsonValue]:
    said = homelab.kubernetes
    common: dict[str, JsonValue] = {
        "kube_network_node_prefix": NODE_PREFIX,
        "kube_network_plugin": said.network,
        "kube_pods_subnet": str(said.pods),
        "kube_proxy_mode": "iptables",
        "kube_service_addresses": str(said.services),
    }
    if said.network == "flannel":
        return {**common, "flannel_backend_type": "vxlan", "flannel_interface": DEVICE}
    # A number: as a text it is dropped; and by itself Calico would count with the physical card.
    own: dict[str, JsonValue] = {"calico_mtu": pod_mtu(homelab), "calico_ip_auto_method": f"interface={DEVICE}"}
    return {**common, **own, "calico_ipip_mode": "Never", "calico_network_backend": "vxlan", "calico_vxlan_mode": "Always"}


def _etcd(homelab: Homelab, control_plane: Sequence[str]) -> dict[str, JsonValue]:
    heartbeat, election = etcd_timing(homelab, control_plane)
    return {
        "etcd_backup_retention_count": homelab.kubernetes.snapshots.keep,
        "etcd_deployment_type": "host",
        "etcd_election_timeout": election,
        "etcd_heartbeat_interval": heartbeat,
    }


def _kept_off() -> dict[str, JsonValue]:
    """What belongs to the base system and to the mesh."""
    owned = ("flush_iptables", "ntp_enabled", "override_system_hostname", "reset_restart_network")
    return {**dict.fromkeys(owned, False), "resolvconf_mode": "none"}
