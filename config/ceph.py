"""The Ceph cluster's identity: its id and first keys, by which disks know their cluster again. Made once by `make init`. Pure."""

import base64
import binascii
import hashlib
import os
import struct
import time
import uuid
from collections.abc import Callable, Mapping

from pydantic import ConfigDict, SecretStr

from config.base import Model
from config.problems import Problem

TOPIC = "ceph"
PLACEHOLDER = "(made by make init)"
_HEAD = struct.Struct("<HIIH")
_AES, _LENGTH = 1, 16


class CephKeys(Model):
    """The cluster's id (no secret) and the keys of its monitors and of client.admin."""

    model_config = ConfigDict(validate_by_name=True)

    fsid: str
    mon_key: SecretStr
    admin_key: SecretStr


def new_fsid() -> str:
    """A new cluster id."""
    return str(uuid.uuid4())


def new_key() -> str:
    """A new Ceph key, base64 of: kind 1 (AES), time in seconds and nanoseconds, length 16, and as many random bytes."""
    return base64.b64encode(_HEAD.pack(_AES, int(time.time()), 0, _LENGTH) + os.urandom(_LENGTH)).decode()


def check_fsid(text: str) -> str:
    """The id as Ceph writes it. ValueError when it is none."""
    try:
        if str(uuid.UUID(text)) == text:
            return text
    except ValueError:
        pass
    raise ValueError("not a UUID in lower case") from None


def check_key(text: str) -> str:
    """A word that tells keys apart and gives nothing away. ValueError, without any of the text, when it is no key."""
    try:
        raw = base64.b64decode(text, validate=True)
        kind, _, _, length = _HEAD.unpack(raw[: _HEAD.size])
    except (binascii.Error, ValueError, struct.error):
        raise ValueError("not a Ceph key") from None
    if kind != _AES or length != _LENGTH or len(raw) != _HEAD.size + _LENGTH:
        raise ValueError("not a Ceph key")
    return "SHA256:" + base64.b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")


PARTS: Mapping[str, tuple[str, Callable[[], str], Callable[[str], str]]] = {
    "fsid": ("Ceph cluster id", new_fsid, check_fsid),
    "monKey": ("Ceph monitors' key", new_key, check_key),
    "adminKey": ("Ceph admin key", new_key, check_key),
}
"""Part of the secret -> what it is, how it is made, how it is checked and told to people."""


def ceph_keys(stack: str, said: Mapping[str, str], preview: bool) -> tuple[CephKeys, list[Problem]]:
    """The identity out of the decrypted secret. In a preview missing parts are placeholders, else problems."""
    problems: list[Problem] = []
    for part, (title, _, check) in PARTS.items():
        path = f"homelab:{TOPIC}.{part}"
        if part not in said:
            problems += [] if preview else [Problem(path, f"no {title}", f"run `make init STACK={stack}`")]
            continue
        try:
            check(said[part])
        except ValueError as error:
            remedy = "restore it from version control: the disks know their cluster by it"
            problems.append(Problem(path, f"the {title} cannot be used: it is {error}", remedy))
    chosen = {part: said.get(part, PLACEHOLDER) for part in PARTS}
    return CephKeys.model_validate(chosen), problems
