"""Every machine, ready for the features: reached, judged, with the toolbox, the base system and the firewall on it."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import pulumi
from pulumi_command import local

from components.machines.contact import EQUIP, PREFLIGHT
from components.machines.own import OwnMachine
from components.machines.plan import FleetPlan, MachinePlan, Rented
from components.machines.vultr import VultrServer
from components.remote.machine import Machine
from components.remote.script import RemoteScript
from components.remote.ssh import Target
from components.remote.toolbox import version


class Fleet(pulumi.ComponentResource):
    """Buying the rented machines is the only change before the preflight; everything later waits for its one gate."""

    machines: Mapping[str, Machine]
    endpoints: Mapping[str, pulumi.Output[str]]
    """The public addresses of the rented machines."""
    addresses: Mapping[str, Mapping[str, pulumi.Output[str]]]
    """The same by kind of DNS record: A, and AAAA where a machine has one."""
    summary: pulumi.Output[dict[str, dict[str, Any]]]
    """Machine -> how it is reached and what it is, for people and for `make do`."""

    def __init__(self, name: str, plan: FleetPlan, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("homelab:machines:Fleet", name, None, opts)
        self._name, self._plan = name, plan
        self._met = {key: self._meet(machine) for key, machine in plan.machines.items()}
        gate, scripts = self._preflight(), version()
        self.machines = {key: self._equip(machine, gate, scripts) for key, machine in plan.machines.items()}
        rented = {key: met for key, met in self._met.items() if isinstance(met, VultrServer)}
        self.endpoints = {key: met.host for key, met in rented.items()}
        self.addresses = {key: met.addresses for key, met in rented.items()}
        self.summary = pulumi.Output.all(**{key: met.host for key, met in self._met.items()}).apply(self._summarise)
        self.register_outputs({"machines": self.summary})

    def _meet(self, machine: MachinePlan) -> VultrServer | OwnMachine:
        child, name = pulumi.ResourceOptions(parent=self), f"{self._name}-{machine.name}"
        if isinstance(machine.access, Rented):
            return VultrServer(name, machine, machine.access, self._plan, child)
        return OwnMachine(name, machine, machine.access, self._plan, child)

    def _preflight(self) -> local.Command:
        """One step for all machines. The anchors' ids are part of its input: another system is judged anew."""
        live = pulumi.Output.all(**{key: pulumi.Output.all(met.host, met.anchor.id) for key, met in self._met.items()})
        return local.Command(
            f"{self._name}-preflight",
            create=PREFLIGHT,
            stdin=live.apply(self._questions),
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[met.met for met in self._met.values()]),
        )

    def _questions(self, live: dict[str, list[str]]) -> str:
        machines = [
            {
                "target": self._target(machine, live[key][0]).document(),
                "system": live[key][1],
                "expectation": machine.expectation,
                "timeServers": [*machine.time_servers],
            }
            for key, machine in self._plan.machines.items()
        ]
        return json.dumps({"machines": machines}, sort_keys=True)

    def _equip(self, plan: MachinePlan, gate: pulumi.Resource, scripts: str) -> Machine:
        met, name = self._met[plan.name], f"{self._name}-{plan.name}"
        child = pulumi.ResourceOptions(parent=self)
        toolbox = local.Command(
            f"{name}-toolbox",
            create=EQUIP,
            stdin=met.host.apply(partial(self._delivery, plan, scripts)),
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self, deleted_with=met.anchor, replace_with=[met.anchor], depends_on=[met.met, gate]),
        )
        bare = Machine(plan.name, met.connection, met.anchor, (toolbox,))
        base = RemoteScript(f"{name}-base", bare, "machines/base", stdin=plan.base, deadline=600, public=True, opts=child)
        based = Machine(plan.name, met.connection, met.anchor, (base,))
        firewall = RemoteScript(
            f"{name}-host-firewall", based, "machines/firewall", stdin=plan.firewall, deadline=60, public=True, opts=child
        )
        # It waits for the base system, and that for the toolbox.
        return Machine(plan.name, met.connection, met.anchor, (firewall,))

    def _delivery(self, plan: MachinePlan, scripts: str, host: str) -> str:
        return json.dumps({**self._target(plan, host).document(), "toolbox": scripts}, sort_keys=True)

    def _target(self, plan: MachinePlan, host: str) -> Target:
        access = plan.access
        port, user = (22, "root") if isinstance(access, Rented) else (access.port, access.user)
        return Target(plan.name, host, port, user, access.host_key, self._plan.key_file)

    def _summarise(self, hosts: dict[str, str]) -> dict[str, dict[str, Any]]:
        return {
            key: {
                **self._target(machine, hosts[key]).document(),
                "site": machine.site,
                "role": self._plan.roles[key],
                "mesh": str(machine.mesh_address),
            }
            for key, machine in self._plan.machines.items()
        }
