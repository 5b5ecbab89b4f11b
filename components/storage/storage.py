"""Ceph on the machines, from their disks to what is mounted, and the gate that says it is healthy."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import pulumi

from components.bundle import Bundle, extended
from components.remote.machine import Machine
from components.remote.script import RemoteScript
from components.storage.plan import StoragePlan
from components.storage.report import document

HEALTHY_WITHIN = 600
"""Seconds for placement groups to settle, and for healing to end after a machine was away."""


class Storage(pulumi.ComponentResource):
    """`depends_on=[storage]` waits until the cluster is healthy and mounted. Empty where the plan is.

    No disk of any machine is touched, and no monitor made, before the ledgers of all have found every disk as it should be.
    """

    keys: pulumi.Output[dict[str, str]]
    """User -> key, made by the cluster. Secret."""
    object_keys: pulumi.Output[dict[str, str]]
    """{"accessKey", "secretKey"} of the object storage's user. Secret."""
    report: dict[str, Any]
    """What was planned, for people."""

    def __init__(
        self,
        name: str,
        plan: StoragePlan,
        machines: Mapping[str, Machine],
        mesh: pulumi.Resource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("homelab:storage:Storage", name, None, opts)
        self._name, self._plan, self._machines = name, plan, machines
        for warning in plan.warnings:
            pulumi.log.warn(warning, self)
        answer = self._build(mesh) if plan.enabled else pulumi.Output.from_input(dict[str, dict[str, str]]())
        self.keys = pulumi.Output.secret(answer.apply(lambda said: said.get("users", {})))
        self.object_keys = pulumi.Output.secret(answer.apply(lambda said: said.get("object", {})))
        self.report = document(plan)
        self.register_outputs({})

    def bundles(self, clients: Mapping[str, Bundle]) -> dict[str, Bundle]:
        """The clients' bundles with what each needs to mount its folders."""
        if not self._plan.enabled:
            return dict(clients)
        return {name: extended(bundle, self.keys.apply(partial(self._plan.client_files, name))) for name, bundle in clients.items()}

    def _build(self, mesh: pulumi.Resource) -> pulumi.Output[dict[str, dict[str, str]]]:
        """What `storage/pools` answers."""
        plan, hosts = self._plan, self._plan.roles.hosts
        packages = [self._do("packages", name, plan.packages_document(name), deadline=900) for name in plan.machines]
        ledgers = [self._do("ledger", name, plan.ledger_document(name)) for name in hosts]
        before = [mesh, *packages, *ledgers]
        monitors = [self._do("monitor", name, pulumi.Output.secret(plan.monitor_document(name)), before) for name in plan.machines]
        cluster = [self._do("cluster", plan.first, plan.cluster_document(), monitors)]
        daemons = [self._do("daemons", name, plan.daemons_document(name), cluster) for name in hosts]
        osds = [self._osd(serial, cluster) for serial in plan.osds]
        pools = self._do("pools", plan.first, plan.pools_document(), [*daemons, *osds], secret=True)
        answer: pulumi.Output[dict[str, dict[str, str]]] = pulumi.Output.secret(pools.stdout.apply(json.loads))
        ready: list[pulumi.Resource] = [self._do("gateway", name, plan.gateway_document(name), [pools]) for name in hosts]
        ready += [self._do("mount", name, answer.apply(self._mounter(name)), [pools]) for name in hosts]
        self._do("health", plan.first, plan.health_document(), ready, [str(HEALTHY_WITHIN)], deadline=HEALTHY_WITHIN + 60)
        return answer

    def _osd(self, serial: str, after: Sequence[pulumi.Resource]) -> RemoteScript:
        osd, arguments = self._plan.osds[serial], self._plan.osd_arguments(serial)
        return RemoteScript(
            f"{self._name}-osd-{osd.key}",
            self._machines[osd.machine],
            "storage/osd",
            arguments,
            stdin=self._plan.osd_document(serial),
            deadline=900,  # those of one machine wait for each other
            public=True,
            opts=self._after(after),
        )

    def _do(
        self,
        act: str,
        machine: str,
        stdin: pulumi.Input[str],
        after: Sequence[pulumi.Resource] = (),
        arguments: Sequence[str] = (),
        deadline: int = 300,
        secret: bool = False,
    ) -> RemoteScript:
        """`storage/<act>` on a machine, after others. Public progress, unless its standard output is `secret`."""
        whole = machine == self._plan.first and act in ("cluster", "pools", "health")
        name = f"{self._name}-{act}" if whole else f"{self._name}-{act}-{machine}"
        return RemoteScript(
            name,
            self._machines[machine],
            f"storage/{act}",
            arguments,
            stdin=stdin,
            deadline=deadline,
            public=not secret,
            opts=self._after(after),
        )

    def _after(self, resources: Iterable[pulumi.Resource]) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=[*resources])

    def _mounter(self, machine: str) -> Callable[[dict[str, dict[str, str]]], str]:
        def said(answer: dict[str, dict[str, str]]) -> str:
            return self._plan.mount_document(machine, answer["users"])

        return said
