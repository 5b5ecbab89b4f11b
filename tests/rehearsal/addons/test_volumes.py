"""The rehearsal's provisioner: a folder and a volume for a claim; what goes with the claim, and what stays."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.machines.shell import wait_until
from tests.rehearsal.addons.plane import Plane
from tests.rehearsal.plugins.kubernetes.control_plane import free_ports

pytestmark = pytest.mark.engine
DRIVER = "cephfs.csi.ceph.com"


def storage_class(name: str, policy: str, driver: str = DRIVER) -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": driver,
        "reclaimPolicy": policy,
    }


def claim(name: str, of: str) -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteMany"], "storageClassName": of, "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


@pytest.fixture(scope="module")
def volumes(control: Plane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Plane, Path]]:
    folder = tmp_path_factory.mktemp("volumes") / "volumes" / "csi"
    control.apply(
        storage_class("files", "Retain"), storage_class("passing", "Delete"), storage_class("foreign", "Delete", "another.example")
    )
    with control.program("volumes", f"--folder={folder}", "--place=/srv/archive/volumes/csi", f"--listen=127.0.0.1:{free_ports(1)[0]}"):
        yield control, folder


def bound(plane: Plane, name: str) -> str:
    """The volume of a claim."""
    wait_until(
        lambda: plane.get("pvc", name).get("status", {}).get("phase") == "Bound",
        30,
        lambda: f"{name} stays unbound: {plane.log('volumes')}",
        pause=0.3,
    )
    return str(plane.get("pvc", name)["spec"]["volumeName"])


def test_a_claim_gets_a_folder_that_any_user_may_write_to_and_a_volume_that_names_it(volumes: tuple[Plane, Path]) -> None:
    plane, folder = volumes
    plane.apply(claim("data", "files"))
    name = bound(plane, "data")
    said = plane.get("pv", name)["spec"]
    assert said["hostPath"] == {"path": f"/srv/archive/volumes/csi/{name}", "type": "Directory"}
    assert said["persistentVolumeReclaimPolicy"] == "Retain" and said["capacity"] == {"storage": "1Gi"}
    assert (folder / name).stat().st_mode & 0o777 == 0o777


def test_retained_data_stays_when_the_claim_goes_and_deleted_data_goes(volumes: tuple[Plane, Path]) -> None:
    plane, folder = volumes
    plane.apply(claim("kept", "files"), claim("gone", "passing"))
    kept, gone = bound(plane, "kept"), bound(plane, "gone")
    for name in (kept, gone):
        (folder / name / "below").mkdir()
        (folder / name / "below" / "file").write_text("written")
    plane.kubectl("delete", "pvc", "kept", "gone", "--wait=false")
    wait_until(
        lambda: not plane.get("pv", gone) and not (folder / gone).exists(), 30, lambda: f"it stays: {plane.log('volumes')}", pause=0.3
    )
    wait_until(lambda: plane.get("pv", kept)["status"]["phase"] == "Released", 30, lambda: "the kept volume is not released", pause=0.3)
    assert (folder / kept / "below" / "file").read_text() == "written"


def test_claims_of_other_classes_are_left_alone(volumes: tuple[Plane, Path]) -> None:
    plane, _ = volumes
    plane.apply(claim("foreign", "foreign"), claim("witness", "files"))
    bound(plane, "witness")
    assert plane.get("pvc", "foreign")["status"]["phase"] == "Pending" and "volumeName" not in plane.get("pvc", "foreign")["spec"]


def test_an_absent_file_system_is_told_to_who_waits_and_made_up_for(volumes: tuple[Plane, Path]) -> None:
    plane, folder = volumes
    away = folder.parent.with_name("away")
    folder.parent.rename(away)
    folder.parent.touch()  # as a folder that nobody may write to
    try:
        plane.apply(claim("early", "files"))
        reasons = "--field-selector=involvedObject.name=early,reason=ProvisioningFailed"
        wait_until(lambda: bool(plane.get("events", reasons)["items"]), 30, lambda: f"nothing is said: {plane.log('volumes')}", pause=0.3)
    finally:
        folder.parent.unlink()
        away.rename(folder.parent)
    bound(plane, "early")
