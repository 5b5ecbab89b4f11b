"""A machine that can be reached: the live handle that every feature receives."""

from dataclasses import dataclass

import pulumi
from pulumi_command.remote import ConnectionArgs


@dataclass(frozen=True)
class Machine:
    """One machine with its toolbox.

    `anchor` is replaced exactly when another system is installed: the server of a rented machine, the first contact of an own one.
    `ready` is what a script on this machine waits for.
    """

    name: str
    connection: ConnectionArgs
    anchor: pulumi.CustomResource
    ready: tuple[pulumi.Resource, ...]
