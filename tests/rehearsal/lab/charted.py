"""Releases of our own charts beside those of the stack, in the hands of a test."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import yaml

from rehearsal.plugins.kubernetes import install
from tests.rehearsal.lab.cluster import MOUNT
from tests.rehearsal.lab.kube import Kube, condition, eventually
from tests.rehearsal.lab.lab import ROOT, Lab, Run

SPACE = "tried-charts"
FOLDER = f"{MOUNT}/apps/tried-charts"
PAGE: Mapping[str, Any] = {
    "image": {"repository": "localhost/page", "tag": "1"},
    "port": 8080,
    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
}
ASK = """
import sys, urllib.request
method, url, body = sys.argv[1:]
request = urllib.request.Request(url, body.encode() if method == "PUT" else None, method=method)
print(urllib.request.urlopen(request, timeout=10).read().decode(), end="")
"""


class Charted:
    """helm at the operator's desk, for releases of one namespace; pods asked from their own machine."""

    def __init__(self, lab: Lab, kube: Kube) -> None:
        self.lab, self.kube = lab, kube

    def helm(self, *words: str, stdin: str = "", ok: bool = True) -> Run:
        line = [str(install.helm()), *words, f"--namespace={SPACE}", f"--kubeconfig={self.kube.config}"]
        done = subprocess.run(line, input=stdin, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0 or not ok, f"helm {' '.join(words)}:\n{done.stdout}\n{done.stderr}\n{self.complaints()}"
        return done

    def release(self, name: str, chart: str, *words: str, **values: Any) -> None:
        """Installed or upgraded; with `--wait` among the words until it is ready."""
        text = yaml.safe_dump({**PAGE, **values})
        self.helm("upgrade", "--install", name, str(ROOT / "charts" / chart), "--values=-", "--timeout=180s", *words, stdin=text)

    def pod(self, name: str) -> dict[str, Any]:
        """The one pod of a release that is ready and stays."""
        found = self.kube.get(
            "pods", f"--namespace={SPACE}", f"--selector=app.kubernetes.io/instance={name},app.kubernetes.io/component=app"
        )
        [pod] = [each for each in found if condition(each, "Ready") and "deletionTimestamp" not in each["metadata"]]
        return pod

    def await_ready(self, name: str, seconds: float) -> None:
        rollout = ("rollout", "status", f"deployment/{name}", f"--namespace={SPACE}", "--timeout=10s")
        eventually(lambda: self.kube.run(*rollout).returncode == 0, seconds, lambda: f"{name} is not ready: {self.complaints()}")

    def ask(self, name: str, method: str, path: str, body: str = "") -> str:
        """What the page of a release answers on its own machine."""
        pod = self.pod(name)
        [container] = pod["spec"]["containers"]
        url = f"http://{pod['status']['podIP']}:{container['ports'][0]['containerPort']}{path}"
        done = self.lab.inside(pod["spec"]["nodeName"], "python3", "-c", ASK, method, url, body)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def complaints(self) -> list[str]:
        """What the cluster says of pods that do not start."""
        events = self.kube.get("events", f"--namespace={SPACE}", ok=False)
        return [event["message"] for event in events if event["type"] == "Warning"]

    def await_complaint(self, word: str, seconds: float = 90) -> None:
        eventually(lambda: any(word in each for each in self.complaints()), seconds, lambda: f"nobody says {word!r}: {self.complaints()}")


@contextmanager
def charted(lab: Lab, kube: Kube) -> Iterator[Charted]:
    """In a namespace that goes in the end, with the folder of its releases."""
    kube("create", "namespace", SPACE)
    try:
        yield Charted(lab, kube)
    finally:
        kube("delete", "namespace", SPACE, "--timeout=120s")
        lab.inside("leviathan", "rm", "-rf", FOLDER)
