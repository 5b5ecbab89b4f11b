"""What applications live through."""

import pytest

from tests.rehearsal.lab import cluster
from tests.rehearsal.lab.charted import FOLDER, charted
from tests.rehearsal.lab.cluster import MOUNT
from tests.rehearsal.lab.kube import Kube, eventually
from tests.rehearsal.lab.lab import Lab

pytestmark = pytest.mark.faults
MACHINE = "absis"
UNIT = "homelab-mount-srv-archive.service"
APPLICATIONS = "applications"


def renewed(kube: Kube) -> None:
    """Where ceph-fuse mounts, a mount that is ended takes that of running pods with it: they are made anew."""
    kube("delete", "pods", f"--namespace={APPLICATIONS}", f"--field-selector=spec.nodeName={MACHINE}", "--timeout=120s")

    def available() -> bool:
        found = kube.get("deployments", f"--namespace={APPLICATIONS}", ok=False)
        return all(one["status"].get("availableReplicas") == one["spec"]["replicas"] for one in found)

    eventually(available, 180, lambda: f"the applications on {MACHINE} do not come back")


def test_an_application_waits_while_the_file_system_is_not_mounted_and_writes_nothing_beside_it(lab: Lab, kube: Kube) -> None:
    with charted(lab, kube) as charts:
        try:
            lab.inside(MACHINE, "systemctl", "stop", UNIT)
            assert lab.inside(MACHINE, "mountpoint", "-q", MOUNT).returncode != 0
            charts.release("early", "application", data={"mountPath": "/data", "path": f"{FOLDER}/early"}, node=MACHINE)
            charts.await_complaint(f"mkdir {MOUNT}")
            assert lab.inside(MACHINE, "ls", "-A", MOUNT).stdout == ""
        finally:
            lab.inside(MACHINE, "systemctl", "start", UNIT, deadline=120)
            cluster.await_mounts(lab, MACHINE)
        charts.await_ready("early", 240)
        charts.ask("early", "PUT", "/data/hello", "late")
        assert lab.inside("leviathan", "cat", f"{FOLDER}/early/hello").stdout == "late"
    renewed(kube)
