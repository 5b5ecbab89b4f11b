"""Backups on the machines: keys, the home machines that take everything in and keep it, repositories, timers, etcd's snapshots."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pulumi

from components.backup.plan import BackupPlan
from components.backup.report import document
from components.bundle import Bundle, extended
from components.remote.gate import Gate
from components.remote.machine import Machine
from components.remote.script import RemoteScript
from components.storage.access import BACKUPS
from components.storage.storage import Storage

NOTHING = "{}"
"""What a script is told that takes away what an earlier configuration has left."""


class Backup(pulumi.ComponentResource):
    """`depends_on=[backup]` waits until every timer is set. Where the plan is empty, machines are told to end what they did before.

    `storage`: what has the file system mounted. `kubernetes`: what has etcd running.
    """

    keys: pulumi.Output[dict[str, str]]
    """Whose repository -> its exported key, which its passphrase opens. Secret."""
    report: dict[str, Any]
    """What was planned, for people."""

    def __init__(
        self,
        name: str,
        plan: BackupPlan,
        machines: Mapping[str, Machine],
        storage: Storage,
        kubernetes: pulumi.Resource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("homelab:backup:Backup", name, None, opts)
        self._name, self._plan, self._machines = name, plan, machines
        for warning in plan.warnings:
            pulumi.log.warn(warning, self)
        self.keys = pulumi.Output.secret(self._build(storage) if plan.enabled else {})
        for machine in plan.copying:
            self._do("snapshots", machine, plan.snapshots_document(machine), [kubernetes, storage])
        for act, names in plan.leaving.items():
            for machine in names:
                self._do(act, machine, NOTHING)
        self.report = document(plan)
        self.register_outputs({})

    def bundles(self, clients: Mapping[str, Bundle]) -> dict[str, Bundle]:
        """The clients' bundles with what each that is backed up needs for it."""
        plan = self._plan
        return {name: extended(bundle, plan.client_files(name)) if name in plan.clients else bundle for name, bundle in clients.items()}

    def _build(self, storage: Storage) -> pulumi.Output[dict[str, str]]:
        """The repositories' keys."""
        plan = self._plan
        packages = {name: self._do("packages", name, deadline=900) for name in plan.machines}
        made = {name: self._do("key", name, after=[packages[name]]) for name in plan.remote}
        public = Gate(f"{self._name}-keys", {name: script.stdout for name, script in made.items()}, parent=self).said
        document: pulumi.Output[str] = pulumi.Output.secret(public.apply(plan.keeper_document))
        keepers = [self._do("keeper", name, document, [packages[name]]) for name in plan.keepers]
        wanted: pulumi.Output[str] = pulumi.Output.secret(storage.keys.apply(self._repositories))
        repositories = self._do("repositories", plan.first, wanted, [storage, *keepers], deadline=900, whole=True)
        for name in plan.own:
            self._do("setup", name, pulumi.Output.secret(plan.setup_document(name)), [repositories, packages[name]])
        return repositories.stdout.apply(json.loads)

    def _repositories(self, keys: dict[str, str]) -> str:
        return self._plan.repositories_document(keys[BACKUPS])

    def _do(
        self,
        act: str,
        machine: str,
        stdin: pulumi.Input[str] | None = None,
        after: Iterable[pulumi.Resource] = (),
        deadline: int = 300,
        whole: bool = False,
    ) -> RemoteScript:
        """`backup/<act>` on a machine, after others. Public progress; `whole`: it is about all repositories, and its answer is secret."""
        name = f"{self._name}-{act}" if whole else f"{self._name}-{act}-{machine}"
        opts = pulumi.ResourceOptions(parent=self, depends_on=[*after])
        return RemoteScript(name, self._machines[machine], f"backup/{act}", stdin=stdin, deadline=deadline, public=not whole, opts=opts)
