"""The plan as people read it: `python -m commands.plan STACK`. Needs no engine, no machine, no key and no network.

Where the machine that runs Kubespray answers, it ends with what the next `up` would do to the cluster.
"""

import sys

from tabulate import tabulate

from commands.converge import words
from components.backup import report as backup
from components.kubernetes import report as kubernetes
from components.machines.plan import PUBLIC_PORTS, Rented
from components.plan import Plan, plan
from components.releases import report as releases
from components.storage import report as storage
from config.load import read
from config.model import Homelab
from config.operator import EXAMPLE_KEYS
from config.problems import Refused


def report(homelab: Homelab, lab: Plan) -> str:
    """Machines, links, disks, clients, storage, cluster, what runs in it and backups as tables."""
    head = f"The plan of stack {homelab.stack} for {homelab.domain}"
    parts = [
        head,
        _machines(homelab, lab),
        _mesh(lab),
        _clients(lab),
        _disks(homelab),
        storage.text(lab.storage),
        kubernetes.text(lab.kubernetes),
        releases.text(lab.releases),
        backup.text(lab.backup),
    ]
    return "\n\n".join(part for part in parts if part)


def _machines(homelab: Homelab, lab: Plan) -> str:
    rows = []
    for name, machine in lab.fleet.machines.items():
        said, access = homelab.machines[name], machine.access
        where = f"Vultr {access.region}, {access.plan}" if isinstance(access, Rented) else f"{access.user}@{access.host}:{access.port}"
        size = f"{said.cpus} CPUs, {said.memory}" if said.cpus and said.memory else "as rented"
        rows.append([name, lab.fleet.roles[name], machine.site, where, size, machine.mesh_address])
    ports = ", ".join(f"{port}/{protocol}" for protocol, port in PUBLIC_PORTS)
    table = tabulate(rows, headers=["machine", "role", "site", "reached at", "size", "mesh address"])
    return f"{table}\n\nOpen to the Internet on rented machines: {ports}. Open at home: SSH and the API to the LAN, everything to the mesh."


def _mesh(lab: Plan) -> str:
    rows = [
        [name, member.address, ", ".join(member.dials) or "nobody", ", ".join(member.neighbours) or "nobody"]
        for name, member in lab.mesh.members.items()
    ]
    head = f"Mesh {lab.mesh.network}, packets of {lab.mesh.mtu} bytes"
    table = tabulate(rows, headers=["member", "address", "dials", "over the LAN"])
    return "\n".join([head, table, *lab.mesh.warnings])


def _disks(homelab: Homelab) -> str:
    rows = [[name, disk.bay or "", disk.serial, str(disk.size), disk.id] for name, said in homelab.machines.items() for disk in said.disks]
    return tabulate(rows, headers=["machine", "bay", "serial", "size", "by-id"]) if rows else ""


def _clients(lab: Plan) -> str:
    rows = [[name, client.address] for name, client in lab.mesh.clients.items()]
    return tabulate(rows, headers=["client", "address"]) if rows else ""


def main(stack: str) -> int:
    try:
        homelab = read(stack)
        lab = plan(homelab)
        print(report(homelab, lab))
        if lab.kubernetes.enabled and homelab.operator.public_key not in EXAMPLE_KEYS:  # the example has no machines
            print(f"\n{words(lab.kubernetes, lab.fleet)}")
    except Refused as refused:
        sys.exit(str(refused))
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make plan [STACK=dev]")
    sys.exit(main(sys.argv[1]))
