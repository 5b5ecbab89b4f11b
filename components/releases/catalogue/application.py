"""Values of the program's own charts: application, plex, home-assistant. charts/README.md explains each. Pure."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from components.releases.quantity import quantity
from config.applications import Application, Mount, split


def values(
    said: Application, hosts: Sequence[str], classes: Sequence[str], issuer: str, mount_point: str, secret: str
) -> Mapping[str, JsonValue]:
    """What the configuration says, and nothing of what it leaves to the chart of its kind.

    `classes`: of the Ingresses by which it is reached, `secret`: the Secret whose entries become variables, or an empty text.
    """
    repository, tag, digest = split(said.image) if said.image else ("", "", "")
    return {
        **({"image": {"repository": repository, "tag": tag, "digest": digest}} if said.image else {}),
        **({"port": said.port} if said.port else {}),
        **({"probe": said.probe} if said.probe else {}),
        "hosts": [*hosts],
        "ingress": {"classes": [*classes], "issuer": issuer if classes else "", "secretName": ""},
        **({"data": _data(said, mount_point)} if said.data else {}),
        "mounts": [_mount(mount, mount_point) for mount in said.mounts],
        "devices": [*said.devices],
        "hostNetwork": said.host_network,
        "node": said.machine or "",
        "environment": dict(said.environment),
        "secretName": secret,
        **_resources(said),
    }


def kept(memory: int) -> int:
    """Of the memory that it may use, what is kept for it: half."""
    return memory // 2


def volume_name(mount: Mount) -> str:
    """media/films -> media-films."""
    return "".join(sign if sign.isalnum() else "-" for sign in mount.path.lower()).strip("-")[:52].strip("-")


def _data(said: Application, mount_point: str) -> dict[str, JsonValue]:
    data = said.data
    assert data, "the caller asks only where there is any"
    where: dict[str, JsonValue] = {"mountPath": data.mount_path} if data.mount_path else {}
    if data.claim:
        return {**where, "claim": {"storageClass": data.claim.class_, "size": quantity(data.claim.size)}}
    return {**where, "path": f"{mount_point}/{data.path}"}


def _mount(mount: Mount, mount_point: str) -> dict[str, JsonValue]:
    return {
        "name": volume_name(mount),
        "path": f"{mount_point}/{mount.path}",
        "mountPath": mount.mount_path,
        "readOnly": mount.read_only,
    }


def _resources(said: Application) -> dict[str, JsonValue]:
    requests: dict[str, JsonValue] = {"cpu": f"{round(said.cpus * 1000)}m"} if said.cpus else {}
    if said.memory is None:
        return {"resources": {"requests": requests}} if requests else {}
    asked: dict[str, JsonValue] = {**requests, "memory": quantity(kept(said.memory))}
    return {"resources": {"requests": asked, "limits": {"memory": quantity(said.memory)}}}
