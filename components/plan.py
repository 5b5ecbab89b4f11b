"""The whole lab, computed before any resource is registered. Pure."""

from dataclasses import dataclass

from components.machines import check as machines_check
from components.machines import plan as machines
from components.mesh import check as mesh_check
from components.mesh import plan as mesh
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


def plan(homelab: Homelab) -> Plan:
    """Raises Refused with every problem of meaning in the configuration at once."""
    problems = [*machines_check.check(homelab), *mesh_check.check(homelab), *storage_check.check(homelab)]
    if problems:
        raise Refused(homelab.stack, problems)
    return Plan(fleet=machines.plan(homelab, packages=mesh.PACKAGES), mesh=mesh.plan(homelab), storage=storage.plan(homelab))
