"""What the charts of ceph-csi for files and for blocks share. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

PROVISIONERS = 2
"""Copies, each on another machine: more than there are machines would never start."""

DEFAULT_CLASS = {"storageclass.kubernetes.io/is-default-class": "true"}


@dataclass(frozen=True)
class Cluster:
    """Ceph as its clients find it. `workers`: how many machines run pods."""

    fsid: str
    monitors: Sequence[str]
    secure: bool
    workers: int


def common(cluster: Cluster, secret: str, own: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The cluster (`own`: what this kind adds to it), the Secret `secret` that is made apart, provisioners.

    No metrics: the plug-ins use their machine's own network, where the charts' ports 8080 and 8081 belong to others.
    """
    silent: JsonValue = {"enabled": False}
    return {
        "csiConfig": [{"clusterID": cluster.fsid, "monitors": [*cluster.monitors], **own}],
        "secret": {"create": False, "name": secret},
        "provisioner": {"replicaCount": max(1, min(PROVISIONERS, cluster.workers)), "httpMetrics": silent},
        "nodeplugin": {"httpMetrics": silent},
    }


def storage_class(
    name: str, cluster: Cluster, secret: str, reclaim: str, default: bool, own: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """The class `name`, whose every act uses `secret`; `default`: for claims that name none."""
    acts = ("provisionerSecret", "controllerExpandSecret", "controllerPublishSecret", "nodeStageSecret")
    return {
        "create": True,
        "name": name,
        "clusterID": cluster.fsid,
        "reclaimPolicy": reclaim,
        "allowVolumeExpansion": True,
        **({"annotations": dict(DEFAULT_CLASS)} if default else {}),
        **dict.fromkeys(acts, secret),
        **own,
    }
