"""Kubernetes on the machines: the runner, the trust in it, the converge step that runs Kubespray there, and the kubeconfig."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pulumi
from pulumi_command import local

from components.bundle import Bundle, extended
from components.kubernetes import folder
from components.kubernetes.cluster import Cluster
from components.kubernetes.plan import KubernetesPlan
from components.remote.machine import Machine
from components.remote.script import RemoteScript
from components.remote.ssh import Target

SEND = ".venv/bin/python -m components.kubernetes.local.send"
HOURS = 3600
KUBECONFIG = "/etc/homelab/kubeconfig"
"""Where a client of the mesh has it."""


class Kubernetes(pulumi.ComponentResource):
    """`depends_on=[kubernetes]` waits until the cluster is what is wanted. Empty where the plan is.

    `targets`: machine -> how `ssh` reaches it from here. `before`: what the cluster stands on, ready when this begins.
    """

    kubeconfig: pulumi.Output[str]
    """The operator's, a context for each own control-plane machine. Secret; empty without a cluster."""
    cluster: Cluster | None
    """The cluster, for what runs in it; None without one."""

    def __init__(
        self,
        name: str,
        plan: KubernetesPlan,
        machines: Mapping[str, Machine],
        targets: pulumi.Output[dict[str, dict[str, Any]]],
        before: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("homelab:kubernetes:Kubernetes", name, None, opts)
        self._name, self._plan, self._machines = name, plan, machines
        for warning in plan.warnings:
            pulumi.log.warn(warning, self)
        self.cluster, self._admin = None, pulumi.Output.secret("")
        self.kubeconfig = self._admin
        if plan.enabled:
            converge, self._admin = self._build(targets, before)
            self.kubeconfig = pulumi.Output.secret(self._admin.apply(plan.kubeconfig))
            asked = sorted(plan.servers, key=lambda machine: machine != plan.context)
            self.cluster = Cluster(self.kubeconfig, converge, asked, targets)
        self.register_outputs({})

    def bundles(self, clients: Mapping[str, Bundle]) -> dict[str, Bundle]:
        """The clients' bundles with a kubeconfig, by which they ask the API servers over the mesh."""
        if not self._plan.enabled:
            return dict(clients)
        gained = {KUBECONFIG: self._admin.apply(self._plan.client_kubeconfig)}
        return {name: extended(bundle, gained) for name, bundle in clients.items()}

    def _build(
        self, targets: pulumi.Output[dict[str, dict[str, Any]]], before: Sequence[pulumi.Resource]
    ) -> tuple[pulumi.Resource, pulumi.Output[str]]:
        """The converge step, and the cluster's own admin.conf."""
        plan = self._plan
        sent = [self._send(targets)] if plan.folder else []
        runner = self._do("runner", plan.runner_document(self._digest), sent, plan.runner_arguments, deadline=HOURS // 2)
        trusting = [self._prepare(name, runner) for name in plan.machines]
        systems = pulumi.Output.all(**{name: self._machines[name].anchor.id for name in plan.machines})
        said: pulumi.Output[str] = pulumi.Output.secret(systems.apply(self._converge_document))
        converge = self._do("converge", said, [*before, *trusting], plan.converge_arguments, deadline=2 * HOURS)
        # Its input is what converge found: the playbooks issue new credentials each time they run.
        admin = self._do("kubeconfig", converge.stdout, [converge], deadline=60, public=False).stdout
        return converge, pulumi.Output.secret(admin)

    @cached_property
    def _digest(self) -> str:
        return folder.digest(Path(self._plan.folder)) if self._plan.folder else ""

    def _converge_document(self, systems: dict[str, str]) -> str:
        return self._plan.converge_document(systems, self._digest)

    def _send(self, targets: pulumi.Output[dict[str, dict[str, Any]]]) -> local.Command:
        machine, said = self._machines[self._plan.runner], targets.apply(self._sending)
        return local.Command(
            f"{self._name}-send",
            create=SEND,
            stdin=said,
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=list(machine.ready), deleted_with=machine.anchor, replace_with=[machine.anchor]
            ),
        )

    def _sending(self, targets: dict[str, dict[str, Any]]) -> str:
        target = Target.read(targets[self._plan.runner]).document()
        what = {"folder": self._plan.folder, "digest": self._digest, "source": self._plan.source(self._digest)}
        return json.dumps({"target": target, **what}, sort_keys=True)

    def _prepare(self, machine: str, runner: RemoteScript) -> RemoteScript:
        document: Callable[[str], str] = partial(self._plan.prepare_document, machine)
        return RemoteScript(
            f"{self._name}-prepare-{machine}",
            self._machines[machine],
            "kubernetes/prepare",
            stdin=runner.stdout.apply(document),
            deadline=60,
            public=True,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _do(
        self,
        act: str,
        stdin: pulumi.Input[str],
        after: Sequence[pulumi.Resource],
        arguments: Sequence[str] = (),
        deadline: int = 300,
        public: bool = True,
    ) -> RemoteScript:
        """`kubernetes/<act>` on the runner, after others."""
        opts = pulumi.ResourceOptions(parent=self, depends_on=[*after])
        machine, script = self._machines[self._plan.runner], f"kubernetes/{act}"
        return RemoteScript(f"{self._name}-{act}", machine, script, arguments, stdin=stdin, deadline=deadline, public=public, opts=opts)
