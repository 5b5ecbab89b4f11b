"""Property values as the engine sends them: plain JSON in which secrets and unknown values are marked.

A secret is {SIGNATURE: SECRET, "value": …}, an unknown value the string UNKNOWN. Assets and archives stay the marked objects
they arrive as, so their hashes survive. Numbers are floats. Nothing is lost from request to answer.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from google.protobuf import json_format, struct_pb2  # type: ignore[import-untyped]

Properties: TypeAlias = dict[str, Any]

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
ASSETS = frozenset({"c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7"})  # asset, archive

__all__ = ["UNKNOWN", "Properties", "has_unknown", "is_asset", "is_secret", "plain", "read", "secret", "unwrap", "write"]


def read(struct: struct_pb2.Struct) -> Properties:
    """A message's properties as JSON."""
    return dict(json_format.MessageToDict(struct))


def write(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """JSON as a message; raises ValueError for text that is not valid UTF-8."""
    struct = struct_pb2.Struct()
    struct.update(dict(properties))
    return struct


def secret(value: Any) -> Any:
    """The value marked secret; a value that is one already stays as it is."""
    return value if is_secret(value) else {SIGNATURE: SECRET, "value": value}


def is_secret(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get(SIGNATURE) == SECRET


def is_asset(value: Any) -> bool:
    """Whether the value is an asset or an archive."""
    return isinstance(value, Mapping) and value.get(SIGNATURE) in ASSETS


def unwrap(value: Any) -> Any:
    """The value without its own mark; marks deeper inside stay."""
    while is_secret(value):
        value = value["value"]
    return value


def plain(value: Any) -> Any:
    """The value without any mark of secrecy, at any depth: for use, never for an answer to the engine."""
    value = unwrap(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:
    """Whether anything in the value is not known yet (previews only)."""
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return bool(value == UNKNOWN)
