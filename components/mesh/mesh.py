"""Tinc on every member, LAN paths beside it, and the gate that later stages stand behind."""

import json
from collections.abc import Mapping

import pulumi

from components.bundle import Bundle
from components.mesh.plan import Member, MeshPlan, bundle
from components.remote.gate import Gate
from components.remote.machine import Machine
from components.remote.script import RemoteScript
from config.identities import mesh_public

PROBE_DEADLINE = 90


class Mesh(pulumi.ComponentResource):
    """`depends_on=[mesh]` waits until every pair of members answers packets of exactly the mesh MTU, by every path that it has.

    `endpoints`: the public addresses of the rented members.
    """

    round_trip_times: pulumi.Output[dict[str, dict[str, float]]]
    """Member -> peer -> milliseconds."""
    clients: Mapping[str, Bundle]
    """Client -> its bundle."""

    def __init__(
        self,
        name: str,
        plan: MeshPlan,
        machines: Mapping[str, Machine],
        endpoints: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("homelab:mesh:Mesh", name, None, opts)
        self._name, self._plan, self._machines = name, plan, machines
        child = pulumi.ResourceOptions(parent=self)
        keys = {key: self._key(member, child) for key, member in plan.members.items()}
        public = Gate(f"{name}-keys", keys, parent=self).said
        live = pulumi.Output.all(keys=public, endpoints=pulumi.Output.all(**endpoints))
        joined = {key: self._join(key, live, child) for key in plan.members}
        cards = {key: self._card(member, child) for key, member in plan.members.items() if member.neighbours}
        macs = Gate(f"{name}-cards", cards, parent=self).said
        paths = [self._lan_path(key, macs, joined[key]) for key, member in plan.members.items() if member.lan]
        for warning in plan.warnings:
            pulumi.log.warn(warning, self)
        # Both ends must have joined before either can prove a path.
        ways = Gate(f"{name}-ways", after=[*joined.values(), *paths], parent=self)
        after = pulumi.ResourceOptions(parent=self, depends_on=[ways])
        probes = {key: self._probe(key, after) for key in plan.members}
        self.round_trip_times = pulumi.Output.all(**{key: probe.stdout for key, probe in probes.items()}).apply(_read)
        self.clients = {key: self._bundle(key, live) for key in plan.clients}
        self.register_outputs({"roundTripTimes": self.round_trip_times})

    def _key(self, member: Member, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
        given = None
        if member.private_key:
            private = member.private_key.get_secret_value()
            given = pulumi.Output.secret(f"{private}\n{mesh_public(private)}\n")
        script = RemoteScript(
            f"{self._name}-key-{member.name}", self._machines[member.name], "mesh/key", stdin=given, deadline=60, public=True, opts=opts
        )
        return script.stdout

    def _join(self, key: str, live: pulumi.Output[dict[str, dict[str, str]]], opts: pulumi.ResourceOptions) -> RemoteScript:
        plan = self._plan

        def document(known: dict[str, dict[str, str]]) -> str:
            return plan.member_document(key, known["keys"], known["endpoints"])

        return RemoteScript(
            f"{self._name}-join-{key}", self._machines[key], "mesh/join", stdin=live.apply(document), deadline=60, public=True, opts=opts
        )

    def _card(self, member: Member, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
        machine = self._machines[member.name]
        script = RemoteScript(f"{self._name}-card-{member.name}", machine, "mesh/lan-card", [str(member.lan)], public=True, opts=opts)
        return script.stdout

    def _lan_path(self, key: str, cards: pulumi.Output[dict[str, str]], joined: RemoteScript) -> RemoteScript:
        plan = self._plan

        def document(macs: dict[str, str]) -> str:
            return plan.lan_path_document(key, macs)

        opts = pulumi.ResourceOptions(parent=self, depends_on=[joined])
        name, stdin = f"{self._name}-lan-path-{key}", cards.apply(document)
        return RemoteScript(name, self._machines[key], "mesh/lan-path", ["apply"], stdin=stdin, deadline=60, public=True, opts=opts)

    def _probe(self, key: str, opts: pulumi.ResourceOptions) -> RemoteScript:
        near = self._plan.members[key].neighbours
        peers = [f"{peer.name}={peer.address}{'/lan' if peer.name in near else ''}" for peer in self._plan.peers(key)]
        arguments = [str(self._plan.mtu), str(PROBE_DEADLINE), *peers]
        return RemoteScript(
            f"{self._name}-probe-{key}", self._machines[key], "mesh/probe", arguments, deadline=PROBE_DEADLINE + 30, public=True, opts=opts
        )

    def _bundle(self, key: str, live: pulumi.Output[dict[str, dict[str, str]]]) -> Bundle:
        plan = self._plan

        def files(known: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
            return {"files": bundle(plan.client_document(key, known["keys"], known["endpoints"]))}

        # Long, and later stages put keys into it: kept out of what `up` prints.
        return pulumi.Output.secret(live.apply(files))


def _read(times: dict[str, str]) -> dict[str, dict[str, float]]:
    return {name: json.loads(text or "{}") for name, text in times.items()}
