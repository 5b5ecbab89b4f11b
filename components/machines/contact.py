"""What both kinds of machine share in being reached: the local steps and the connection."""

import pulumi
from pulumi_command import remote

from components.machines.plan import FleetPlan

CONTACT = ".venv/bin/python -m components.machines.local.contact"
GOODBYE = ".venv/bin/python -m components.machines.local.goodbye"
EQUIP = ".venv/bin/python -m components.machines.local.equip"
PREFLIGHT = ".venv/bin/python -m components.machines.local.preflight"
"""Local steps run in the project's folder, where Pulumi.yaml says the virtual environment is. Old states still call the goodbye."""


def connection(host: pulumi.Input[str], port: int, user: str, host_key: str, fleet: FleetPlan) -> remote.ConnectionArgs:
    """How the command provider reaches a machine that has been met: few retries, and never without the pinned host key."""
    key = pulumi.Output.secret(fleet.private_key.get_secret_value()) if fleet.private_key else None
    return remote.ConnectionArgs(
        host=host, port=port, user=user, host_key=host_key, private_key=key, dial_error_limit=3, per_dial_timeout=10
    )
