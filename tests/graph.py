"""Run the program (or any function that registers resources) under mocks and look at the graph it registered."""

import asyncio
import fnmatch
import json
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pulumi
import yaml
from pulumi.runtime import mocks, rpc, settings

from config import authority
from config.backup import new_passphrase
from config.ceph import new_fsid, new_key
from config.identities import new_host_key, new_mesh_key, ssh_public
from config.operator import EXAMPLE_KEYS

ROOT = Path(__file__).parents[1]
ADDRESS = "203.0.113.100"
ADMIN = """
clusters: [{name: cluster.local, cluster: {certificate-authority-data: AUTHORITY, server: "https://10.88.0.1:6443"}}]
users: [{name: kubernetes-admin, user: {client-certificate-data: CERTIFICATE, client-key-data: KEY of the admin}}]
"""
CLUSTER = {
    "kubernetes-runner": "ssh-ed25519 KEYOFTHERUNNER homelab-runner\n",
    "kubernetes-converge": '{"credentials": "0123456789abcdef"}\n',
    "kubernetes-kubeconfig": ADMIN,
}
OPERATOR = ssh_public(new_host_key())


@dataclass
class Node:
    """One registered resource: `inputs` as plain values, `secrets` the names of inputs that are secret as a whole."""

    urn: str
    type: str
    inputs: dict[str, Any]
    request: Any
    secrets: frozenset[str]

    @cached_property
    def plain(self) -> str:
        """What of the inputs stands in the state as it is."""
        return json.dumps({key: value for key, value in self.inputs.items() if key not in self.secrets})


@dataclass
class Graph:
    nodes: dict[str, Node] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    hooks: dict[str, pulumi.ResourceHook | pulumi.ErrorHook] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def names(self, pattern: str = "*") -> list[str]:
        return sorted(fnmatch.filter(self.nodes, pattern))

    def all(self, *types: str) -> dict[str, Node]:
        return {name: node for name, node in self.nodes.items() if node.type in types}

    def before(self, name: str) -> set[str]:
        """Everything that is done before `name`, also by way of others."""
        found: set[str] = set()
        todo = [name]
        while todo:
            near = {urn.rsplit("::", 1)[1] for urn in self[todo.pop()].request.dependencies} - found
            found |= near
            todo += [other for other in near if other in self.nodes]
        return found


class Lab(mocks.Mocks):
    """Answers as the providers would; `says` maps name patterns to a script's standard output."""

    def __init__(self, says: Mapping[str, str]) -> None:
        self.says = says

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        return {}

    def usual(self, args: mocks.MockResourceArgs) -> str:
        """What later steps cannot do without: keys, which the machines and clusters make."""
        if args.name in CLUSTER:
            return CLUSTER[args.name]
        if args.name == "backup-repositories":
            return json.dumps({name: f"BORG_KEY of {name}" for name in ("leviathan", "absis", "nimbus")})
        if args.name.startswith("mesh-key-"):
            return f"KEY of {args.name.removeprefix('mesh-key-')}"
        if args.name.startswith("backup-key-"):
            return f"ssh-ed25519 KEYOF{args.name.removeprefix('backup-key-')}\n"
        if args.name != "storage-pools":
            return ""
        users = {user: f"KEY of {user}" for user in json.loads(args.inputs["stdin"])["users"]}
        return json.dumps({"users": users, "object": {"accessKey": "ACCESS", "secretKey": "SECRET"}})

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        known = {"vultr:index/reservedIp:ReservedIp": {"subnet": ADDRESS}, "vultr:index/instance:Instance": {"mainIp": ADDRESS}}
        said = next((text for pattern, text in self.says.items() if fnmatch.fnmatch(args.name, pattern)), self.usual(args))
        return f"{args.name}-id", {**args.inputs, "stdout": said, "stderr": "", **known.get(args.typ, {})}


@dataclass
class Hooks:
    """Takes the place of the callback server, which mocks lack: keeps the hooks, runs none."""

    graph: Graph

    def register_resource_hook(self, hook: pulumi.ResourceHook) -> None:
        self.graph.hooks[hook.name] = hook

    def register_error_hook(self, hook: pulumi.ErrorHook) -> None:
        self.graph.hooks[hook.name] = hook


class Recorder(mocks.MockMonitor):
    def __init__(self, lab: Lab, graph: Graph) -> None:
        super().__init__(lab)
        self.graph = graph

    def RegisterResource(self, request: Any) -> Any:
        answer = super().RegisterResource(request)
        if request.type == "pulumi:pulumi:Stack":  # made once for all tests, so it is in one graph only
            return answer
        raw = dict(request.object.items())
        secrets = frozenset(key for key, value in raw.items() if hasattr(value, "fields") and rpc._special_sig_key in value.fields)
        plain = rpc.deserialize_properties(request.object, keep_unknowns=True) if raw else {}
        self.graph.nodes[request.name] = Node(answer.urn, request.type, _open(plain), request, secrets)
        return answer


@cache
def stack_graph(stack: str) -> Graph:
    """The graph of a stack file as it stands, scripts answering with readable keys. Not to be changed."""
    return run_program(stack=stack)


def _open(value: Any) -> Any:
    """Secrets unwrapped, for looking inside."""
    if rpc.is_rpc_secret(value):
        return _open(rpc.unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {key: _open(item) for key, item in value.items()}
    return [_open(item) for item in value] if isinstance(value, list) else value


@cache
def identities() -> dict[str, str]:
    """Fresh keys for nimbus, Ceph, the certificate authority and backups: those of the stack files are encrypted."""
    signs = authority.new_key()
    certificate = authority.new_certificate(signs, "homelab.test")
    return {
        "homelab:rentedHostKeys": json.dumps({"nimbus": new_host_key()}),
        "homelab:rentedMeshKeys": json.dumps({"nimbus": new_mesh_key()}),
        "homelab:ceph": json.dumps({"fsid": new_fsid(), "monKey": new_key(), "adminKey": new_key()}),
        "homelab:certificateAuthority": json.dumps({"key": signs, "certificate": certificate}),
        "homelab:backupPassphrases": json.dumps({name: new_passphrase() for name in ("leviathan", "absis", "nimbus", "laptop")}),
    }


def said_in(stack: str) -> dict[str, Any]:
    """The plain keys of a stack file."""
    said = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key: value for key, value in said.items() if not (isinstance(value, dict) and "secure" in value)}


RUNNING = ("ingress", "certificates", "volumes", "metrics", "applications", "backup")


def nothing_runs(said: dict[str, Any]) -> None:
    """Takes away what needs a cluster, or storage below it."""
    for topic in RUNNING:
        said.pop(f"homelab:{topic}", None)
    said["homelab:names"].pop("dns", None)


def with_own_key(said: dict[str, Any]) -> dict[str, Any]:
    """As an operator has it who put a key of their own in the place of the example's, with which no update begins."""
    operator = said["homelab:operator"]
    if " ".join(operator["publicKey"].split()[:2]) in EXAMPLE_KEYS:
        said["homelab:operator"] = {**operator, "publicKey": OPERATOR}
    return said


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def run_program(
    program: Callable[[], object] | None = None,
    stack: str = "dev",
    says: Mapping[str, str] | None = None,
    change: Callable[[dict[str, Any]], None] = lambda said: None,
    keys: Mapping[str, str] | None = None,
) -> Graph:
    """The graph of `__main__.py`, or of `program`, for a stack file that `change` may edit first; `keys` replaces the identities."""
    asyncio.set_event_loop(_loop())  # pulumi wants a current one, and any asyncio.run before took it away
    settings.ROOT.set(None)  # the stack itself: one that another test has made belongs to another loop
    graph, lab = Graph(), Lab(says or {})
    pulumi.runtime.set_mocks(lab, project="homelab", stack=stack, monitor=Recorder(lab, graph))
    settings.SETTINGS.callbacks = Hooks(graph)  # type: ignore[assignment]
    said = with_own_key(said_in(stack))
    change(said)
    secret = identities() if keys is None else keys
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in said.items()}
    pulumi.runtime.set_all_config({**texts, **secret}, [*secret])
    body = program or (lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"))

    def export(name: str, value: Any) -> None:
        pulumi.Output.from_input(value).apply(partial(graph.outputs.__setitem__, name))

    # There is no stack under mocks, so `pulumi.run` has none to ask.
    with patch("pulumi.export", export), patch("pulumi.run", lambda program: None):
        pulumi.runtime.test(lambda: (body(), None)[1])()
    return graph
