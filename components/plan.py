"""The whole lab, computed before any resource is registered. Pure."""

from dataclasses import dataclass

from components.backup import check as backup_check
from components.backup import plan as backup
from components.kubernetes import check as kubernetes_check
from components.kubernetes import plan as kubernetes
from components.machines import check as machines_check
from components.machines import plan as machines
from components.mesh import check as mesh_check
from components.mesh import plan as mesh
from components.releases import check as releases_check
from components.releases import plan as releases
from components.storage import check as storage_check
from components.storage import plan as storage
from config.model import Homelab
from config.problems import Refused


@dataclass(frozen=True)
class Plan:
    """What every feature is going to do."""

    fleet: machines.FleetPlan
    mesh: mesh.MeshPlan
    storage: storage.StoragePlan
    kubernetes: kubernetes.KubernetesPlan
    releases: releases.ReleasesPlan
    backup: backup.BackupPlan


def plan(homelab: Homelab) -> Plan:
    """Raises Refused with every problem of meaning in the configuration at once."""
    checks = (machines_check, mesh_check, storage_check, kubernetes_check, releases_check, backup_check)
    problems = [problem for rules in checks for problem in rules.check(homelab)]
    if problems:
        raise Refused(homelab.stack, problems)
    cluster, running, store = kubernetes.plan(homelab), releases.plan(homelab), storage.plan(homelab)
    packages = [*mesh.PACKAGES, *cluster.packages, *running.packages]
    return Plan(
        fleet=machines.plan(homelab, packages, cluster.needs, running.opened),
        mesh=mesh.plan(homelab),
        storage=store,
        kubernetes=cluster,
        releases=running,
        backup=backup.plan(homelab, store, cluster),
    )
