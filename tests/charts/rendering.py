"""What the charts become under the helm of the rehearsal. `python -m tests.charts.rendering` writes the golden files anew."""

import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rehearsal.plugins.kubernetes import install
from tests.graph import ROOT

CHARTS = ROOT / "charts"
NAMES = ("application", "home-assistant", "plex")
GOLDEN = ROOT / "tests/golden/charts"
PATIENCE = 60
# What the charts that want to be told something are told at least.
LEAST: Mapping[str, dict[str, Any]] = {"application": yaml.safe_load((CHARTS / "application/ci/values.yaml").read_text())}
SERVED: dict[str, Any] = {"ingress": {"classes": ["public", "home"], "issuer": "private"}}
CASES: Mapping[str, dict[str, Any]] = {
    "application": {
        **SERVED,
        "hosts": ["notes.example.net"],
        "data": {"mountPath": "/data", "path": "/srv/archive/apps/notes"},
        "mounts": [{"name": "media", "path": "/srv/archive/media", "mountPath": "/media"}],
        "environment": {"TZ": "Europe/Berlin", "LIMIT": 1000000, "SIGN_UP": False},
        "secretName": "notes-secrets",
        "chartDigest": "0123abcd",
    },
    "plex": {
        **SERVED,
        "hosts": ["plex.example.net"],
        "data": {"path": "/srv/archive/apps/plex"},
        "mounts": [{"name": "media", "path": "/srv/archive/media", "mountPath": "/media", "readOnly": True}],
        "devices": ["/dev/dri"],
        "node": "leviathan",
    },
    "home-assistant": {
        "ingress": {"classes": ["home"], "issuer": "private", "secretName": "house"},
        "hosts": ["house.example.net"],
        "data": {"claim": {"storageClass": "block", "size": "10Gi"}},
        "hostNetwork": True,
    },
}


@cache
def helm() -> str:
    """The program, built first if need be."""
    return str(install.helm())


def run(*arguments: str, values: Mapping[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    """One command of helm, with values as a file of its own."""
    line = [helm(), *arguments, *(["-f", "-"] if values is not None else [])]
    return subprocess.run(line, input=yaml.safe_dump(values or {}), capture_output=True, text=True, timeout=PATIENCE, check=False)


def render(chart: str, values: Mapping[str, Any] | None = None, release: str = "app") -> list[dict[str, Any]]:
    """Every object of one of our charts, in an order of its own."""
    done = run("template", release, str(CHARTS / chart), "-n", "applications", values={**LEAST.get(chart, {}), **(values or {})})
    assert done.returncode == 0, done.stderr
    return parsed(done.stdout)


def parsed(text: str) -> list[dict[str, Any]]:
    """The objects of what `helm template` wrote, sorted."""
    objects = [one for one in yaml.safe_load_all(text) if one]
    return sorted(objects, key=lambda one: (one["kind"], one["metadata"]["name"]))


def one(objects: list[dict[str, Any]], kind: str, name: str | None = None) -> dict[str, Any]:
    """The only object of that kind, or of that kind and name."""
    found = [each for each in objects if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} objects {kind} {name or ''}"
    return found[0]


def golden(chart: str) -> str:
    """The text of a golden file."""
    return yaml.safe_dump_all(render(chart, CASES[chart], chart), sort_keys=False, width=140)


def main() -> None:
    """All of them, as the charts are now."""
    for chart in NAMES:
        Path(GOLDEN / f"{chart}.yaml").write_text(golden(chart))


if __name__ == "__main__":
    main()
