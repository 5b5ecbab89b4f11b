"""A remote command's connection as a property. Without the SSH library: most runs of the engine only check and compare."""

from collections.abc import Mapping
from typing import Any

from rehearsal.plugins import wire

DEFAULTS: Mapping[str, Any] = {"user": "root", "port": 22.0, "dialErrorLimit": 10.0, "perDialTimeout": 15.0}
SECRETS = ("privateKey", "password", "privateKeyPassword")


def checked(connection: Any) -> Any:
    """The property as it is recorded: defaults filled in, secret inside and as a whole."""
    given = wire.unwrap(connection)
    if not isinstance(given, Mapping):
        return wire.secret(given)
    whole = {**DEFAULTS, **{name: value for name, value in given.items() if value is not None}}
    return wire.secret({name: wire.secret(value) if name in SECRETS else value for name, value in whole.items()})
