"""Official charts under the rehearsal's helm, with the values that the plan has for them."""

import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import validators
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT201909

from components.releases.plan import ReleasesPlan, plan
from components.releases.selection import Release
from config.stack import read
from tests.charts.rendering import parsed, run
from tests.charts.values import join
from tests.components.conftest import CHARTS

KUBERNETES = "1.35.4"
CATALOGUE = ("certificates", "ingress-public", "ingress-home", "files", "block", "metrics")
# Below these a chart takes whatever Kubernetes takes.
FREE = {"affinity", "annotations", "args", "csiConfig", "entries", "resources", "tolerations"}


@cache
def planned(secure: bool = False) -> ReleasesPlan:
    """What runs in the cluster of the example, whose charts are the official ones, with identities of the rehearsal's."""
    home = read("home")
    storage = home.storage.model_copy(update={"secure": secure})
    return plan(home.model_copy(update={"identities": read("dev").identities, "storage": storage}))


def folder(release: Release) -> Path:
    """Where the chart of a release is at hand."""
    name = release.chart.rpartition("/")[2]
    return Path(os.environ[CHARTS]).resolve() / name


def described(release: Release) -> Any:
    return yaml.safe_load((folder(release) / "Chart.yaml").read_text())


def defaults(release: Release) -> Any:
    return yaml.safe_load((folder(release) / "values.yaml").read_text())


def template(release: Release, values: Mapping[str, Any] | None = None) -> Any:
    """What helm says. Without the schema, which asks the Internet in one chart: `complaints` asks it."""
    own = ["--namespace", release.namespace, "--kube-version", KUBERNETES, "--include-crds", "--skip-schema-validation"]
    return run("template", release.name, str(folder(release)), *own, values=release.values if values is None else values)


@cache
def rendered(key: str, secure: bool = False) -> list[dict[str, Any]]:
    """All objects of a release, hooks included."""
    done = template(planned(secure).releases[key])
    assert done.returncode == 0, done.stderr
    return parsed(done.stdout)


def complaints(release: Release, values: Mapping[str, Any]) -> list[str]:
    """What the chart's own schema has against values, joined with its defaults.

    What it takes from Kubernetes' own definitions, by an address, is not looked at.
    """
    file = folder(release) / "values.schema.json"
    schema = json.loads(file.read_text())
    outside = {one for one in references(schema) if not one.startswith("#")}
    found: dict[str, dict[str, Any]] = {}
    for one in outside:
        address, _, pointer = one.partition("#")
        place: Any = found.setdefault(address, {})
        for step in pointer.strip("/").split("/"):
            place = place.setdefault(step, {})
    resources = [(address, Resource(document, DRAFT201909)) for address, document in found.items()]
    validator = validators.validator_for(schema)(schema, registry=Registry().with_resources(resources))
    return [f"{'/'.join(map(str, each.absolute_path))}: {each.message}" for each in validator.iter_errors(join(defaults(release), values))]


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def places(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every place that values are said at, down to where a chart takes whatever is said."""
    for name, value in values.items():
        place = (*above, name)
        if isinstance(value, Mapping) and value and name not in FREE:
            yield from places(value, place)
        else:
            yield place


def known(values: Any, place: tuple[str, ...]) -> bool:
    """Whether a chart's defaults have that place."""
    for step in place:
        if not isinstance(values, Mapping) or step not in values:
            return False
        values = values[step]
    return True


def pods(objects: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """kind/name -> the pod's spec."""
    whole = [each for each in objects if each["kind"] in ("DaemonSet", "Deployment", "Job", "StatefulSet")]
    return {f"{each['kind']}/{each['metadata']['name']}": each["spec"]["template"]["spec"] for each in whole}
