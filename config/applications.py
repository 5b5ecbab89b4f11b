"""homelab:applications: what runs in the cluster, about ten lines each; and homelab:applicationSecrets."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, JsonValue, SecretStr, WithJsonSchema

from config.base import FrozenMapping, Model, shown, wrong
from config.charts import Chart
from config.size import Size
from config.types import HostName, Text, form, fqdn, host_name, pattern

SECRETS = "applicationSecrets"
_IMAGE = (
    r"(?P<repository>[a-z0-9]+([._-][a-z0-9]+)*(:\d+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*)"
    r":(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127})(@(?P<digest>sha256:[0-9a-f]{64}))?"
)
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"


def _image(value: str) -> str:
    form = re.fullmatch(_IMAGE, value)
    if form is None:
        advice = "write repository:tag, for example docker.io/linuxserver/plex:1.42.1, and @sha256:… behind it if you like"
        raise wrong(f"{shown(value)} is not an image with its version", advice)
    if form["tag"] == "latest":
        raise wrong("'latest' is another image tomorrow", "write the tag of a version")
    return value


def _path(value: str) -> str:
    """Below the file system's mount point."""
    parts = value.split("/")
    if value and not value.startswith("/") and all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", part) for part in parts):
        return value
    raise wrong(f"{shown(value)} is not a path on the file system", "write it without the mount point, for example apps/plex")


def _inside(value: str) -> str:
    """In a container."""
    if re.fullmatch(r"(/[A-Za-z0-9._-]+)+", value) and not {".", ".."} & {*value.split("/")}:
        return value
    raise wrong(f"{shown(value)} is not a path in a container", "write it from / on, for example /config")


def _device(value: str) -> str:
    if value.startswith("/dev/") and ".." not in value.split("/") and re.fullmatch(r"(/[A-Za-z0-9._:+@-]+)+", value):
        return value
    raise wrong(f"{shown(value)} is not a device", "write its path below /dev, for example /dev/dri; for USB one below /dev/serial/by-id")


def _host(value: str) -> str:
    return fqdn(value) if "." in value else host_name(value)


def _name(value: str) -> str:
    if len(value) <= 40:
        return value
    raise wrong(f"{shown(value)} is too long for an application", "use at most 40 characters: the names of its parts are longer")


def _string(**said: object) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **said})


ApplicationName = Annotated[HostName, AfterValidator(_name)]
Image = Annotated[Text, AfterValidator(_image), _string(examples=["docker.io/linuxserver/plex:1.42.1"])]
DataPath = Annotated[Text, AfterValidator(_path), _string(examples=["apps/plex"])]
MountPath = Annotated[Text, AfterValidator(_inside), _string(pattern="^/", examples=["/config"])]
Device = Annotated[Text, AfterValidator(_device), _string(pattern="^/dev/")]
Variable = Annotated[str, form(VARIABLE, "the name of an environment variable", "use letters, digits and '_'"), pattern(VARIABLE)]
WebPath = Annotated[Text, form(r"/[!-~]*", "the path of a page", "write it from / on, for example /health"), _string(pattern="^/")]
Host = Annotated[Text, AfterValidator(_host), _string(format="hostname")]
Cpus = Annotated[float, Field(gt=0, le=1024)]


class Claim(Model):
    """A volume of its own, made when it is first claimed."""

    class_: Literal["files", "block"] = Field(alias="class", description="files, or block: a device of its own, for one pod at a time")
    size: Size = Field(description="How large, for example 20GiB")


class Data(Model):
    """Where an application keeps what must not be lost: `path`, or `claim`."""

    mount_path: MountPath | None = Field(None, description="Where it is in the container; else where its chart says")
    path: DataPath | None = Field(None, description="On the file system, below its mount point: apps/plex")
    claim: Claim | None = Field(None, description="In place of a path: a volume")


class Mount(Model):
    """A folder of the file system that several may use."""

    path: DataPath = Field(description="On the file system, below its mount point: media")
    mount_path: MountPath = Field(description="Where it is in the container: /media")
    read_only: bool = Field(True, description="Whether the application may only read it")


class Application(Model):
    """One application by the program's own charts, or a `chart` of one's own with `values`."""

    kind: Literal["application", "plex", "home-assistant"] = Field("application", description="Which of the program's charts it takes")
    image: Image | None = Field(None, description="repository:tag, never latest; else the one of its kind")
    port: int | None = Field(None, ge=1, le=65535, description="TCP port of its web page; else the one of its kind")
    host: Host | None = Field(None, description="Its name in the lab's domain, or a whole domain name; else the application's name")
    public: bool = Field(True, description="Whether the Internet reaches it, by the rented machines")
    data: Data | None = Field(None, description="Where it keeps its data; without it nothing is kept")
    mounts: tuple[Mount, ...] = Field((), description="Further folders of the file system")
    devices: tuple[Device, ...] = Field((), description="Devices of the machine that it uses: /dev/dri; say which `machine`")
    host_network: bool = Field(False, description="Whether it uses the machine's own network, as discovery at home needs it")
    machine: HostName | None = Field(None, description="The machine on which it always runs; else any own machine")
    memory: Size | None = Field(None, description="What it may use at most; else what its kind says")
    cpus: Cpus | None = Field(None, description="Processors that are kept for it, for example 0.5; else what its kind says")
    environment: FrozenMapping[Variable, Text] = Field({}, description="Environment variables; secret ones: homelab:applicationSecrets")
    probe: WebPath | None = Field(None, description="A page that answers when it is well; else the one of its kind")
    deadline: int = Field(180, ge=30, le=3600, description="Seconds after which a start or a change that is not well is taken back")
    chart: Chart | None = Field(None, description="In place of a kind: a chart of your own")
    values: FrozenMapping[str, JsonValue] = Field(
        {}, description="Further values of its chart; they win over what follows from the other keys"
    )


ApplicationSecrets = Mapping[str, Mapping[str, SecretStr]]
"""Application -> environment variable -> its value."""


def split(image: str) -> tuple[str, str, str]:
    """Repository, tag and digest (empty without one) of a text that passed for an `Image`."""
    form = re.fullmatch(_IMAGE, image)
    assert form, "the model refuses such an image"
    return form["repository"], form["tag"], form["digest"] or ""
