from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from rehearsal.kubernetes import install
from tests.rehearsal.engine.stack import Run, Stack, engine_environment
from tests.rehearsal.plugins.kubernetes.control_plane import ControlPlane, control_plane

PRELUDE = """
import pathlib
import pulumi
import pulumi_kubernetes as k8s
from pulumi import ResourceOptions
from pulumi_command import local

NAMESPACE, CHART = {namespace!r}, {chart!r}
CONFIG = pathlib.Path({kubeconfig!r}).read_text()


def printed():
    # The kubeconfig as another resource's output: a preview does not know it.
    hidden = ResourceOptions(additional_secret_outputs=["stdout"])
    command = dict(create="cat " + {kubeconfig!r}, triggers=[CONFIG], logging=local.Logging.NONE)
    return local.Command("kubeconfig", **command, opts=hidden).stdout


def start(kubeconfig):
    global here, namespace
    settings = dict(cluster_identifier="toy", upsert_existing_objects=True, enable_secret_mutable=True)
    here = ResourceOptions(provider=k8s.Provider("cluster", kubeconfig=kubeconfig, **settings))
    namespace = k8s.core.v1.Namespace("namespace", metadata=dict(name=NAMESPACE), opts=here)


def release(name="shop", opts=None, **inputs):
    wanted = dict(chart=CHART, name=name, namespace=namespace.metadata.name, atomic=True, cleanup_on_fail=True, timeout=6, max_history=5)
    return k8s.helm.v3.Release(name, **wanted | inputs, opts=ResourceOptions.merge(here, opts))
"""

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
    "values.yaml": "greeting: hello\nreplicas: 0\nchartDigest: ''\n",
    "values.schema.json": '{"type": "object", "properties": {"replicas": {"type": "integer", "maximum": 3}}}',
    "templates/configmap.yaml": """
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}", annotations: {digest: "{{ .Values.chartDigest }}"}}
data: {greeting: "{{ .Values.greeting }}", edition: first}
""",
    "templates/deployment.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: "{{ .Release.Name }}"}}
  template:
    metadata: {labels: {app: "{{ .Release.Name }}"}}
    spec: {containers: [{name: shop, image: "localhost/shop:1"}]}
""",
    "templates/definition.yaml": """
{{- if .Values.kind }}
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: "{{ lower .Values.kind }}s.shop.test"}
spec:
  group: shop.test
  scope: Namespaced
  names: {kind: "{{ .Values.kind }}", plural: "{{ lower .Values.kind }}s"}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
{{- end }}
""",
}


@dataclass
class Lab:
    """A stack with a namespace of its own in the control plane, and a chart that may be edited."""

    stack: Stack
    plane: ControlPlane
    namespace: str
    chart: Path
    kubeconfig: Path

    def up(self, text: str, *flags: str, fails: bool = False) -> Run:
        return self.stack.up(f"start(CONFIG)\n{text}", *flags, fails=fails)

    def get(self, *words: str) -> Any:
        return self.plane.get("--namespace", self.namespace, *words)

    def greeting(self, name: str = "shop") -> str | None:
        """What is in the release's config map, None without one."""
        found = self.get("configmap", name)
        return found and found["data"]["greeting"]

    def revisions(self, name: str = "shop") -> dict[str, str]:
        """Revision -> status, as helm keeps them."""
        kept = self.get("secret", f"--selector=owner=helm,name={name}")
        labels = [secret["metadata"]["labels"] for secret in kept["items"]] if kept else []
        return {label["version"]: label["status"] for label in labels}


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane(install.ensure(), tmp_path_factory.mktemp("plane")) as running:
        yield running


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    own = tmp_path_factory.mktemp("helm")  # the plug-in would keep its caches in the user's own folders
    homes = {f"HELM_{name}_HOME": str(own / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
    return {**engine_environment(tmp_path_factory.mktemp("blank")), **homes}


@pytest.fixture
def lab(tmp_path: Path, environment: Mapping[str, str], plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[Lab]:
    chart, kubeconfig, folder = tmp_path / "chart", tmp_path / "kubeconfig", tmp_path / "stack"
    for name, text in CHART.items():
        (chart / name).parent.mkdir(parents=True, exist_ok=True)
        (chart / name).write_text(text)
    kubeconfig.write_text(plane.kubeconfig())
    namespace = f"test-{crc32(request.node.name.encode()):08x}"
    prelude = PRELUDE.format(namespace=namespace, chart=str(chart), kubeconfig=str(kubeconfig))
    yield Lab(Stack(folder, environment, prelude), plane, namespace, chart, kubeconfig)
    plane.ask("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")
