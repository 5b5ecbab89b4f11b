"""The rehearsed cluster in the hands of a test: kubectl, pods to try things with, what is recorded, a run that is watched."""

import json
import os
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Any

from rehearsal.kubernetes import install
from rehearsal.machines.shell import wait_until
from tests.rehearsal.lab.cluster import HOMES
from tests.rehearsal.lab.lab import MESH, ROOT, Lab, Run

MACHINES = (*HOMES, "nimbus")
MEMBERS = {f"https://{MESH[name]}:2379" for name in MACHINES}
IMAGE = "localhost/busybox:1"
LARGE = 1_000_000
"""Bytes of the file that every pod of `everywhere` serves."""

UNIT = "homelab-kubespray"
UNITS = ("containerd", "etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet", "pod-network")
SERVE = f'mkdir /www; echo "$NODE" >/www/node; head -c {LARGE} /dev/zero >/www/large; exec httpd -f -p 80 -h /www'
NODE = [{"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]


eventually = partial(wait_until, pause=0.5)
"""kubectl is a large program: asked less often than the rest."""


class Kube:
    """kubectl at the operator's desk: over the LAN, with the kubeconfig that the stack gives out. `folder`: for that file and a cache."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.config = folder / "kubeconfig"
        self.config.touch(mode=0o600)
        self.config.write_text(lab.outputs()["kubeconfig"])
        self._environment = {**os.environ, "KUBECONFIG": str(self.config), "KUBECACHEDIR": str(folder / "cache")}

    def run(self, *words: str, stdin: str = "", context: str = "", within: float = 120) -> Run:
        """One call; `context`: another machine's API server than the chosen one's."""
        argv = ["kubectl", *([f"--context={context}"] if context else []), *words]
        return subprocess.run(
            argv,
            executable=install.folder() / "kube",
            env=self._environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )

    def __call__(self, *words: str, stdin: str = "", context: str = "") -> str:
        """What it prints; it must succeed."""
        done = self.run(*words, stdin=stdin, context=context)
        assert done.returncode == 0, f"kubectl {' '.join(words)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def get(self, *words: str, context: str = "", ok: bool = True) -> list[dict[str, Any]]:
        """Objects of one kind; not `ok`: none while nobody answers."""
        done = self.run("get", *words, "--output=json", "--request-timeout=10s", context=context)
        assert done.returncode == 0 or not ok, f"kubectl get {' '.join(words)}: {done.stderr}"
        return list(json.loads(done.stdout)["items"]) if done.returncode == 0 else []

    def ready(self, context: str = "") -> set[str]:
        """Names of the nodes that are ready."""
        return {node["metadata"]["name"] for node in self.get("nodes", context=context, ok=False) if condition(node, "Ready")}

    def pods(self, namespace: str, context: str = "") -> dict[str, dict[str, Any]]:
        """Node -> its pod that is ready and stays, in a namespace with one such pod a node at most."""
        found = self.get("pods", f"--namespace={namespace}", context=context, ok=False)
        return {pod["spec"]["nodeName"]: pod for pod in found if condition(pod, "Ready") and "deletionTimestamp" not in pod["metadata"]}

    def inside(self, namespace: str, node: str, script: str, within: float = 120) -> Run:
        """A shell script in the pod on that node."""
        name = self.pods(namespace)[node]["metadata"]["name"]
        return self.run("exec", f"--namespace={namespace}", name, "--", "sh", "-c", script, within=within)

    @contextmanager
    def applied(self, namespace: str, *objects: Mapping[str, Any]) -> Iterator[str]:
        """These objects, in a namespace of their own that goes in the end."""
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        items = [space, *({**one, "metadata": {**one["metadata"], "namespace": namespace}} for one in objects)]
        self("apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        try:
            yield namespace
        finally:
            self("delete", "namespace", namespace, "--timeout=100s")

    @contextmanager
    def everywhere(self, namespace: str) -> Iterator[str]:
        """A pod on each machine that takes work, serving its machine's name and a large file, behind a service."""
        with self.applied(namespace, _daemons(), _service()):
            eventually(lambda: {*HOMES} <= {*self.pods(namespace)}, 90, lambda: f"pods run on {[*self.pods(namespace)]} only")
            yield namespace

    def network_of(self, lab: Lab, namespace: str, node: str) -> tuple[str, ...]:
        """What goes before a command on that machine, so that it runs in the network of the pod there."""
        said = self.pods(namespace)[node]["status"]["containerStatuses"][0]["containerID"].partition("://")[2]
        listed = map(str.split, lab.inside(node, "ctr", "--namespace", "k8s.io", "tasks", "ls").stdout.splitlines())
        pid = next(words[1] for words in listed if words and words[0] == said)
        return ("nsenter", f"--target={pid}", "--net", "--")


def condition(found: Mapping[str, Any], kind: str) -> bool:
    """Whether a node or a pod says so of itself."""
    return any(each["type"] == kind and each["status"] == "True" for each in found.get("status", {}).get("conditions", ()))


def container(script: str, **more: Any) -> dict[str, Any]:
    """It knows its machine as NODE."""
    return {"name": "only", "image": IMAGE, "command": ["sh", "-c", script], "env": NODE, **more}


def controlled(kind: str, spec: Mapping[str, Any], pod: Mapping[str, Any]) -> dict[str, Any]:
    """A Deployment or a DaemonSet of pods that end at once when they are asked to."""
    labels = {"app": "tried"}
    template = {"metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 1, **pod}}
    said = {**spec, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "tried"}, "spec": said}


def settled(lab: Lab, kube: Kube) -> None:
    """After machines were away: everybody reaches everybody, all nodes are ready, the DNS answers again."""
    pairs = [(one, other) for one in MACHINES for other in MACHINES if one != other]
    assert lab.silent(pairs) == []
    eventually(lambda: kube.ready() == {*MACHINES}, 180, lambda: f"only {sorted(kube.ready())} are ready")
    dns = ("rollout", "status", "deployment/coredns", "--namespace=kube-system", "--timeout=120s")
    eventually(lambda: kube.run(*dns, within=150).returncode == 0, 150, lambda: "the cluster's DNS does not come back")


def record(lab: Lab, name: str = "leviathan") -> dict[str, Any]:
    """What a machine has written down as applied. `run` counts the runs of playbooks."""
    return dict(json.loads(lab.inside(name, "cat", "/var/lib/homelab/kubernetes/applied.json").stdout))


def processes(lab: Lab, name: str) -> dict[str, str]:
    """Unit -> its main process, for everything of Kubernetes."""
    return {unit: lab.inside(name, "systemctl", "show", "-P", "MainPID", unit).stdout.strip() for unit in UNITS}


def await_members(lab: Lab, members: Collection[str] = MEMBERS) -> None:
    """Until etcd has these members, by their addresses for clients, and no other, and leviathan hears that all are healthy.

    A member that answers no read within etcd's own 5 s counts as ill; under the load of a whole rehearsal that may pass.
    """
    said = ""

    def healthy() -> bool:
        nonlocal said
        said = lab.inside("leviathan", "sh", "-c", "set -a; . /etc/etcd.env; etcdctl endpoint health --cluster --write-out=json").stdout
        return {one["endpoint"]: one["health"] for one in json.loads(said or "[]")} == dict.fromkeys(members, True)

    eventually(healthy, 60, lambda: f"etcd says of its members: {said}")


def signal_run(lab: Lab, signal: str) -> bool:
    """STOP or CONT for everything that the run of playbooks has started; whether there is one."""
    return lab.inside("leviathan", "systemctl", "kill", "--kill-whom=all", f"--signal={signal}", UNIT).returncode == 0


def watched(lab: Lab, word: str, act: Callable[[], object]) -> tuple[int, str]:
    """`pulumi up`; `act` once, when `word` shows in what it prints. Gives its exit status and all that it printed."""
    argv, pipe = lab.argv("up", "--yes", "--skip-preview"), subprocess.PIPE
    with subprocess.Popen(argv, env=lab.environment, cwd=ROOT, stdout=pipe, stderr=subprocess.STDOUT, text=True) as engine:
        late = Timer(900, engine.kill)
        late.start()
        assert engine.stdout is not None
        printed, acted = [], False
        try:
            for line in engine.stdout:
                printed.append(line)
                if word in line and not acted:
                    acted = True
                    act()
        finally:
            late.cancel()
    said = "".join(printed)
    assert acted, f"{word!r} never came:\n{said}"
    return engine.returncode, said


def _daemons() -> dict[str, Any]:
    return controlled("DaemonSet", {}, {"containers": [container(SERVE, readinessProbe={"tcpSocket": {"port": 80}, "periodSeconds": 1})]})


def _service() -> dict[str, Any]:
    spec = {"type": "NodePort", "selector": {"app": "tried"}, "ports": [{"port": 80}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "tried"}, "spec": spec}
