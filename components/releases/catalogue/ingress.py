"""Values of F5's nginx-ingress chart (2.6), tried with charts that take the same. Pure."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from components.releases.quantity import quantity
from config.size import Size
from config.types import Taint

READY_PORT = 8085
"""Where the kubelet asks whether nginx is ready. On a machine's own network; the chart's 8081 is what ceph-csi takes by itself."""

PORTS = (80, 443)


def values(entrance: str, machines: Sequence[str], taints: Sequence[Taint], memory: Size) -> Mapping[str, JsonValue]:
    """One nginx on each of `machines`, on its own network at ports 80 and 443, for the Ingresses of class `entrance`, which it makes.

    A DaemonSet that tolerates being on the control plane and the machines' own `taints`. No Service, no status in Ingresses (nobody reads
    it, and two controllers would fight over it), no custom resources, no metrics, no telemetry; at most `memory`.
    """
    return {
        "controller": {
            "kind": "daemonset",
            "hostNetwork": True,
            "dnsPolicy": "ClusterFirstWithHostNet",
            "ingressClass": {"name": entrance, "create": True, "setAsDefaultIngress": False},
            "service": {"create": False},
            "reportIngressStatus": {"enable": False, "enableLeaderElection": False},
            "enableCustomResources": False,
            "nginxStatus": {"enable": False},
            "readyStatus": {"enable": True, "port": READY_PORT},
            "telemetryReporting": {"enable": False},
            "config": {"entries": {"server-tokens": "False", "http2": "True"}},
            "resources": {"requests": {"cpu": "50m", "memory": quantity(memory // 2)}, "limits": {"memory": quantity(memory)}},
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [_term(machines)]}}},
            "tolerations": [*_tolerations(taints)],
        },
        "prometheus": {"create": False},
    }


def _term(machines: Sequence[str]) -> dict[str, JsonValue]:
    return {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [*machines]}]}


def _tolerations(taints: Sequence[Taint]) -> list[JsonValue]:
    said = {("node-role.kubernetes.io/control-plane", "NoSchedule"), *((taint.key, taint.effect) for taint in taints)}
    return [{"key": key, "operator": "Exists", "effect": effect} for key, effect in sorted(said)]
