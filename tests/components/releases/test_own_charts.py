"""Our own charts with the values that the plan has for the applications of both stacks. Needs the rehearsal's helm, and no cluster."""

from typing import Any

import pytest

from components.releases.plan import plan
from components.releases.selection import Release
from config.stack import read
from tests.charts.rendering import one, parsed, run
from tests.graph import ROOT

pytestmark = pytest.mark.engine
OWN = [
    (stack, key)
    for stack in ("dev", "home")
    for key, release in plan(read(stack)).releases.items()
    if release.chart.startswith("./charts/")
]


def rendered(release: Release) -> list[dict[str, Any]]:
    done = run("template", release.name, str(ROOT / release.chart), "--namespace", release.namespace, values=release.values)
    assert done.returncode == 0, done.stderr
    return parsed(done.stdout)


def test_the_example_has_applications_by_charts_of_ours():
    assert {key for stack, key in OWN if stack == "home"} == {"app-plex", "app-home-assistant"}


@pytest.mark.parametrize(("stack", "key"), OWN)
def test_an_application_becomes_what_its_configuration_says(stack, key):
    homelab = read(stack)
    planned = plan(homelab)
    said, host = homelab.applications[key.removeprefix("app-")], planned.hosts[key.removeprefix("app-")]
    objects = rendered(planned.releases[key])
    spec = one(objects, "Deployment")["spec"]["template"]["spec"]
    [container] = spec["containers"]
    assert said.image is None or container["image"] == said.image
    assert spec.get("hostNetwork", False) == said.host_network
    assert spec.get("nodeSelector", {}).get("kubernetes.io/hostname") == said.machine
    assert {each["mountPath"] for each in container.get("volumeMounts", [])} >= {
        *said.devices,
        *(mount.mount_path for mount in said.mounts),
    }
    assert {each["name"]: each["value"] for each in container.get("env", [])}.items() >= said.environment.items()
    served = {each["spec"]["ingressClassName"]: each["spec"]["rules"] for each in objects if each["kind"] == "Ingress"}
    assert [*served] == sorted(host.entrances, key=[*served].index)
    assert all([rule["host"] for rule in rules] == [host.name] for rules in served.values())


@pytest.mark.parametrize(("stack", "key"), OWN)
def test_a_path_of_the_file_system_is_one_below_its_mount_point(stack, key):
    homelab = read(stack)
    spec = one(rendered(plan(homelab).releases[key]), "Deployment")["spec"]["template"]["spec"]
    folders = [each["hostPath"]["path"] for each in spec.get("volumes", []) if "hostPath" in each]
    assert all(path.startswith((f"/srv/{homelab.storage.filesystem.name}/", "/dev/")) for path in folders)
