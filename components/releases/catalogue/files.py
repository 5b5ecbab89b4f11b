"""Values of ceph-csi's chart for CephFS (3.17): volumes that several pods may use. Pure."""

from collections.abc import Mapping

from pydantic import JsonValue

from components.releases.catalogue.ceph import Cluster, common, storage_class
from components.storage.access import VOLUMES

CLASS, SECRET = "files", "csi-cephfs-secret"


def values(cluster: Cluster, filesystem: str, reclaim: str, default: bool) -> Mapping[str, JsonValue]:
    """Storage class `files` of the file system, its volumes below /volumes/csi; the Secret has userID and userKey."""
    secure: dict[str, JsonValue] = {"kernelMountOptions": "ms_mode=secure"} if cluster.secure else {}
    return {
        **common(cluster, SECRET, {"cephFS": {"subvolumeGroup": VOLUMES}}),
        "storageClass": storage_class(CLASS, cluster, SECRET, reclaim, default, {"fsName": filesystem, **secure}),
    }
