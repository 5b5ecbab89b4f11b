"""A machine of the operator's: nothing is made, it is met and, one day, left."""

import json

import pulumi
from pulumi_command import local, remote

from components.machines.contact import CONTACT, GOODBYE, connection
from components.machines.plan import FleetPlan, MachinePlan, Own
from components.remote.ssh import Target

PATIENCE = 60
"""Seconds that an own machine may take to answer: it is said to be on."""


class OwnMachine(pulumi.ComponentResource):
    """`anchor` is the first contact: replaced when another host key is pinned, which is what a new installation looks like."""

    anchor: pulumi.CustomResource
    host: pulumi.Output[str]
    met: pulumi.Resource
    connection: remote.ConnectionArgs

    def __init__(self, name: str, plan: MachinePlan, access: Own, fleet: FleetPlan, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("homelab:machines:OwnMachine", name, None, opts)
        target = Target(plan.name, access.host, access.port, access.user, access.host_key, fleet.key_file)
        self.anchor = local.Command(
            f"{name}-contact",
            create=CONTACT,
            delete=GOODBYE,
            stdin=json.dumps({**target.document(), "deadline": PATIENCE, "cloudInit": False}, sort_keys=True),
            triggers=[access.host_key],
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            # The goodbye to the old system comes before the new one is set up: afterwards it would undo that, if both are the same.
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.met = self.anchor
        self.host = pulumi.Output.from_input(access.host)
        self.connection = connection(self.host, access.port, access.user, access.host_key, fleet)
        self.register_outputs({"host": self.host})
