"""Values of ceph-csi's chart for RBD (3.17): volumes for one pod at a time. Pure."""

from collections.abc import Mapping

from pydantic import JsonValue

from components.releases.catalogue.ceph import Cluster, common, storage_class

CLASS, SECRET = "block", "csi-rbd-secret"


def values(cluster: Cluster, pool: str, reclaim: str, default: bool) -> Mapping[str, JsonValue]:
    """Storage class `block` of the pool, with ext4 on each device; the Secret has userID and userKey."""
    secure: dict[str, JsonValue] = {"mapOptions": "krbd:ms_mode=secure"} if cluster.secure else {}
    return {
        **common(cluster, SECRET, {}),
        "storageClass": storage_class(CLASS, cluster, SECRET, reclaim, default, {"pool": pool, "fstype": "ext4", **secure}),
    }
