"""The plug-in (started by the engine), and the account from a shell, behind Pulumi's back:

python -m rehearsal.plugins.vultr list | names | delete ID | boot ID
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rehearsal.plugins.serve import serve
from rehearsal.plugins.vultr.cloud import Cloud
from rehearsal.plugins.vultr.hypervisor import choose
from rehearsal.plugins.vultr.objects import Refused
from rehearsal.plugins.vultr.provider import provider
from rehearsal.plugins.vultr.store import Store

CHECKOUT = Path(__file__).resolve().parents[3]


def account() -> Path:
    """The folder of the account: below the rehearsal's own, which the environment may name."""
    return Path(os.environ.get("HOMELAB_REHEARSAL") or CHECKOUT / ".rehearsal") / "vultr"


def boot(instance_id: str) -> None:
    """Installs in a process of its own session, so that the machine comes up whatever becomes of plug-in and engine."""
    log = account() / "instances" / f"{instance_id}.log"
    with log.open("ab") as file:
        subprocess.run(
            ["setsid", "--fork", sys.executable, "-m", "rehearsal.plugins.vultr", "boot", instance_id],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            check=True,
        )


def show(cloud: Cloud) -> None:
    for instance in cloud.instances():
        power = "running" if cloud.powered(instance) else "stopped"
        print(f"{instance.id}  {instance.label or '-':20} {instance.main_ip:15} {instance.status:8} {power:8} machine {instance.machine}")


def names(cloud: Cloud) -> None:
    for domain in cloud.zones.domains():
        print(domain.domain)
        for record in sorted(cloud.zones.records(domain.domain), key=lambda one: (one.name, one.type, one.data)):
            print(f"    {record.name or '@':24} {record.ttl:6} {record.type:5} {record.data}")


def main(arguments: list[str]) -> int:
    cloud = Cloud(Store(account()), choose(account()), boot)
    try:
        match arguments:
            case ["list"]:
                show(cloud)
            case ["names"]:
                names(cloud)
            case ["delete", instance_id]:
                cloud.delete_instance(instance_id)
            case ["boot", instance_id]:
                cloud.install(instance_id)
            case _:
                serve(provider(cloud))
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
