"""homelab:kubernetes: the cluster that Kubespray makes. Without `kubespray` there is none."""

import re
from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, WithJsonSchema

from config.base import FrozenMapping, Model, shown, wrong
from config.types import HostName, PrivateNetwork, Text, form, pattern

VERSION = r"\d+\.\d+\.\d+"
_CHECKSUM = "sha256:[0-9a-f]{64}"
_VARIABLE = "[a-z_][a-z0-9_]*"


def _version(value: str) -> str:
    if re.fullmatch(VERSION, value):
        return value
    near = re.search(VERSION, value)
    raise wrong(f"{shown(value)} is not a version of Kubernetes", f"write {near[0] if near else 'for example 1.35.4'}")


def _release(value: str) -> str:
    if re.fullmatch(f"v{VERSION}", value):
        return value
    near = re.search(VERSION, value)
    raise wrong(f"{shown(value)} is not a release of Kubespray", f"write v{near[0] if near else '2.31.0'}: branches move, releases do not")


def _folder(value: str) -> str:
    if value and not value.startswith(("/", "~")) and ".." not in value.split("/"):
        return value.rstrip("/")
    raise wrong(f"{shown(value)} is not a folder below the project's", "write its path from the project's folder on")


KubernetesVersion = Annotated[Text, AfterValidator(_version), pattern(VERSION)]
Release = Annotated[Text, AfterValidator(_release), pattern(f"v{VERSION}")]
Checksum = Annotated[
    Text,
    form(_CHECKSUM, "a checksum", "write sha256: and the 64 digits that `sha256sum` prints for the release's .tar.gz"),
    pattern(_CHECKSUM),
]
Folder = Annotated[Text, AfterValidator(_folder), WithJsonSchema({"type": "string"})]
VariableName = Annotated[
    str,
    form(_VARIABLE, "the name of a variable", "Kubespray's have lower-case letters, digits and '_'"),
    pattern(_VARIABLE),
]


class Kubespray(Model):
    """A release with its checksum, or a folder of playbooks."""

    version: Release | None = Field(None, description="A release, which the runner downloads from GitHub: v2.31.0")
    checksum: Checksum | None = Field(None, description="Of that release's .tar.gz: sha256: and 64 digits")
    folder: Folder | None = Field(None, description="In place of a release: a folder of playbooks, sent from the operator's computer")


class Snapshots(Model):
    """Copies of etcd's data on its members, made before each change of etcd."""

    keep: int = Field(5, ge=1, le=1000, description="How many stay")


def _snapshots() -> Snapshots:
    return Snapshots.model_validate({})


class Kubernetes(Model):
    """The networks' defaults are Kubespray's own."""

    pods: PrivateNetwork = Field(IPv4Network("10.233.64.0/18"), description="Addresses of pods")
    services: PrivateNetwork = Field(IPv4Network("10.233.0.0/18"), description="Addresses of services")
    version: KubernetesVersion = Field("1.35.4", description="The version of Kubernetes")
    kubespray: Kubespray | None = Field(None, description="What installs it: a release or a folder; without it there is no cluster")
    runner: HostName | None = Field(None, description="The own machine that runs Kubespray; else the one with the lowest mesh address")
    network: Literal["flannel", "calico"] = Field("flannel", description="What connects the pods; it cannot be changed later")
    context: HostName | None = Field(None, description="Whose API server kubectl asks: an own control-plane machine; else the first")
    encrypt_secrets: bool = Field(False, description="Whether etcd keeps Secrets encrypted; it cannot be switched off later")
    audit: bool = Field(False, description="Whether API servers log who did what")
    snapshots: Snapshots = Field(default_factory=_snapshots, description="Copies of etcd's data")
    variables: FrozenMapping[VariableName, JsonValue] = Field({}, description="Further variables of Kubespray, by its names")
