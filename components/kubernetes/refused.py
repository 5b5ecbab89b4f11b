"""Variables of Kubespray that are not the operator's to set here, each with the reason or the key that says it instead. Pure."""

import re
from collections.abc import Mapping, Sequence

ELSEWHERE: Mapping[str, str] = {
    "kube_version": "homelab:kubernetes.version",
    "kube_network_plugin": "homelab:kubernetes.network",
    "kube_pods_subnet": "homelab:kubernetes.pods",
    "kube_service_addresses": "homelab:kubernetes.services",
    "kube_encrypt_secret_data": "homelab:kubernetes.encryptSecrets",
    "kubernetes_audit": "homelab:kubernetes.audit",
    "etcd_backup_retention_count": "homelab:kubernetes.snapshots.keep",
    "upstream_dns_servers": "homelab:names.nameServers",
    "system_memory_reserved": "homelab:storage.memory",
    "kube_memory_reserved": "homelab:storage.memory",
    "node_labels": "homelab:machines.<name>.labels",
    "node_taints": "homelab:machines.<name>.taints",
}
"""Variable -> the key by which the same is said."""

MESH = "every component is bound to its machine's mesh address"
PACKETS = "the pods' packets cross the mesh, whose device and packet size the plan knows, and the firewall knows the port"
API = "each control-plane machine is asked at its own address; the firewall and the kubeconfig count with port 6443 on all of them"
RUN = "the program says this for each run"
PLACES = "the program's scripts look where Kubespray puts things by itself"
READABLE = "it would stand readable in the stack file, in the state and on the runner"
CHECKS = "Kubespray's own checks keep a wrong inventory away from the machines"

SECRET = "(password|passphrase|passwd|htpasswd|(secret|access|auth)_key|(client|credential)_secret)"

BREAKS: Mapping[str, str] = {
    r"kube_network_plugin_.*|kube_ovn_.*|cilium_.*|multus_.*|macvlan_.*|kube_router_.*": "only flannel and calico are planned for",
    r"ip6?|access_ip6?|main_(access_)?ips?|kubelet_(bind_)?address|kube_override_hostname|etcd_member_name|etcd_listen_.*": MESH,
    r"ansible_(?!python_interpreter$).*|bastion.*": "how machines are reached is said in homelab:machines and by the runner's own key",
    r"kube_apiserver_bind_address": "it is one value for all control-plane machines, so only '::' fits; the firewall closes the port",
    r"kube_apiserver_(port|endpoint|access_address|address|global_endpoint)|(apiserver_)?loadbalancer_.*|kube_vip_.*": API,
    r"kube_(controller_manager|scheduler)_bind_address": "they are asked from their own machine only",
    r"kube_proxy_nodeport_addresses(_cidr)?": "it would open NodePorts beyond the mesh",
    r"supplementary_addresses_in_ssl_keys": "certificates bear names and mesh addresses only, so that no LAN address is in any of them",
    r"flannel_(interface.*|backend_type|vxlan_.*)": PACKETS,
    r"calico_((veth_)?mtu|ip_auto_method|network_backend|vxlan_.*|ipip_.*|bpf_enabled|felix_mtu_iface_pattern)": PACKETS,
    r"ipv6_stack|enable_dual_stack_networks|.*_ipv6": "the mesh has IPv4 addresses only",
    r"kube_network_node_prefix": "the plan counts with 256 addresses on each machine",
    r"(kube_(config|cert|manifest)|bin|etcd_(data|cert)|credentials|artifacts|inventory)_dir": PLACES,
    r"ignore_assert_errors": CHECKS,
    r"node|serial|skip_confirmation|reset_confirmation|reset_nodes|allow_ungraceful_removal|upgrade_cluster_setup|etcd_retries": RUN,
    rf"kube_encrypt_token|kubeadm_(token|certificate_key)|.*_{SECRET}": READABLE,
    r"groups|group_names|hostvars|inventory_hostname": "Ansible's own name",
}
"""Pattern of names -> why it breaks the design."""

OWNED = "the base system owns this on every machine"
ONLY: Mapping[str, tuple[Sequence[object], str]] = {
    "container_manager": (["containerd"], "the scripts of this program speak to containerd"),
    "etcd_deployment_type": (["host"], "etcd runs beside Kubernetes, so that it can be saved and restored without it"),
    "kube_proxy_mode": (["iptables", "nftables"], "ipvs takes the services' addresses onto a device of its own, and needs kernel modules"),
    "dns_mode": (["coredns", "coredns_dual"], "pods ask CoreDNS"),
    "override_system_hostname": ([False], OWNED),
    "resolvconf_mode": (["none"], OWNED),
    "ntp_enabled": ([False], OWNED),
    "reset_restart_network": ([False], "it would cut the mesh, over which the run itself goes"),
    "flush_iptables": ([False], "it would take the mesh's rules away"),
    "kubeconfig_localhost": ([True], "the operator's kubeconfig is made of it"),
    "kube_external_ca_mode": ([False], "certificates are renewed on the machines"),
}
"""Variable -> values that go well, and why no other does."""


def why(name: str, value: object) -> tuple[str, str] | None:
    """What is wrong with setting a variable, and what to do; None when nothing is."""
    if key := ELSEWHERE.get(name):
        return f"{name} is said by {key}", f"set {key}"
    for pattern, reason in BREAKS.items():
        if re.fullmatch(pattern, name):
            return f"{name} would break the design: {reason}", "take it away"
    if key := _secret(value):
        return f"{name} has a {key}: {READABLE}", "take it away"
    if name in ONLY and value not in ONLY[name][0]:
        values, reason = ONLY[name]
        return f"{name} must stay {' or '.join(map(_shown, values))}: {reason}", "take it away"
    if isinstance(value, str) and value.lower() in ("true", "false", "yes", "no"):
        return f"{name} is a text that looks like a truth value, which Kubespray takes for something else", "take the quotes away"
    return None


def _secret(value: object) -> str | None:
    """The first key by whose name a secret stands somewhere in a value, as in containerd_registry_auth."""
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    here = [key for key in value if re.fullmatch(f"(.*_)?{SECRET}", str(key))] if isinstance(value, Mapping) else []
    return next(filter(None, [*map(str, here), *map(_secret, inner)]), None)


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
