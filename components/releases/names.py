"""The applications' names: records for the world, name servers on the own machines for LAN and mesh, a block for laptops' /etc/hosts."""

from collections.abc import Mapping
from typing import Any

import ediri_vultr as vultr
import pulumi

from components.bundle import Bundle, extended
from components.releases.naming import NamesPlan
from components.remote.machine import Machine
from components.remote.script import RemoteScript

TTL = 300


class Names(pulumi.ComponentResource):
    """`endpoints`: rented machine -> its public addresses by kind of record (A, AAAA)."""

    report: pulumi.Output[dict[str, Any]]
    """Records of the world, and what a LAN or the mesh needs to find the same names, for people."""

    def __init__(
        self,
        name: str,
        plan: NamesPlan,
        machines: Mapping[str, Machine],
        endpoints: Mapping[str, Mapping[str, pulumi.Output[str]]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("homelab:releases:Names", name, None, opts)
        self._name, self._plan = name, plan
        public = {machine: endpoints[machine] for machine in plan.entrances}
        if plan.dns == "vultr":
            self._records(public)
        for machine in plan.servers:
            self._server(machines[machine])
        self.report = pulumi.Output.all(**{machine: pulumi.Output.all(**known) for machine, known in public.items()}).apply(plan.document)
        self.register_outputs({})

    def bundles(self, clients: Mapping[str, Bundle]) -> dict[str, Bundle]:
        """The clients' bundles with a block for /etc/hosts, by which they find the applications over the mesh."""
        return {name: extended(bundle, self._plan.client_files()) for name, bundle in clients.items()}

    def _server(self, machine: Machine) -> RemoteScript:
        """It waits for no mesh: it takes up its address whenever that comes."""
        return RemoteScript(
            f"{self._name}-server-{machine.name}",
            machine,
            "releases/names",
            stdin=self._plan.server_document(machine.name),
            deadline=60,
            public=True,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _records(self, public: Mapping[str, Mapping[str, pulumi.Output[str]]]) -> None:
        plan = self._plan
        zone: list[pulumi.Resource] = []
        if plan.make_zone:
            # Whatever else is in the zone would go with it: like the address that its records name, it takes an explicit word.
            zone = [
                vultr.DnsDomain(f"{self._name}-zone", domain=plan.domain, opts=pulumi.ResourceOptions(parent=self, protect=plan.protect))
            ]
        for host, label in plan.records.items():
            for machine, addresses in public.items():
                for kind, address in addresses.items():
                    vultr.DnsRecord(
                        f"{self._name}-record-{host}-{machine}-{kind.lower()}",
                        domain=plan.domain,
                        name=label,
                        type=kind,
                        data=address,
                        ttl=TTL,
                        opts=pulumi.ResourceOptions(parent=self, depends_on=zone),
                    )
