"""A rented machine at Vultr: bought once, kept at one address, never replaced by accident."""

import json
from collections.abc import Mapping

import ediri_vultr as vultr
import pulumi
from pulumi_command import local, remote

from components.machines.contact import CONTACT, connection
from components.machines.guard import refuse_second
from components.machines.plan import PUBLIC_PORTS, FleetPlan, MachinePlan, Rented, public_address
from components.remote.ssh import Target

PATIENCE = 900
"""Seconds from a running server to the end of its cloud-init."""

FAMILIES = {"v4": "0.0.0.0", "v6": "::"}


class VultrServer(pulumi.ComponentResource):
    """SSH key, firewall group, reserved address, server, and the wait for its cloud-init. `anchor` is the server."""

    anchor: pulumi.CustomResource
    host: pulumi.Output[str]
    addresses: Mapping[str, pulumi.Output[str]]
    """Its public ones by kind of DNS record: A, and AAAA where it has one."""
    met: pulumi.Resource
    connection: remote.ConnectionArgs

    def __init__(self, name: str, plan: MachinePlan, access: Rented, fleet: FleetPlan, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("homelab:machines:VultrServer", name, None, opts)
        self._name, self._plan, self._access = name, plan, access
        self._label = f"{pulumi.get_project()}-{pulumi.get_stack()}-{plan.name}"
        key = vultr.SSHKey(f"{name}-key", name=self._label, ssh_key=access.operator_key, opts=pulumi.ResourceOptions(parent=self))
        group, rules = self._firewall()
        address = vultr.ReservedIp(
            f"{name}-address",
            region=access.region,
            ip_type="v4",
            label=self._label,
            # The address stands in DNS and in every bundle: it outlives the server, and losing it takes an explicit word.
            opts=pulumi.ResourceOptions(parent=self, protect=access.protect),
        )
        server = self._server(key, group, address, rules)
        self.anchor = server
        self.host = pulumi.Output.all(address.subnet, server.main_ip).apply(_address)
        self.addresses = {"A": self.host, **({"AAAA": server.v6_main_ip} if access.ipv6 else {})}
        self.met = self._contact(fleet)
        self.connection = connection(self.host, 22, "root", access.host_key, fleet)
        self.register_outputs({"host": self.host})

    def _firewall(self) -> tuple[vultr.FirewallGroup, list[pulumi.Resource]]:
        child = pulumi.ResourceOptions(parent=self)
        group = vultr.FirewallGroup(f"{self._name}-firewall", description=self._label, opts=child)
        # Vultr refuses a rule that exists already, so a changed one must go before it comes.
        again = pulumi.ResourceOptions(parent=self, delete_before_replace=True)
        rules: list[pulumi.Resource] = [
            vultr.FirewallRule(
                f"{self._name}-rule-{protocol}-{port}-{family}",
                firewall_group_id=group.id,
                ip_type=family,
                protocol=protocol,
                port=str(port),
                subnet=subnet,
                subnet_size=0,
                opts=again,
            )
            for protocol, port in PUBLIC_PORTS
            for family, subnet in FAMILIES.items()
        ]
        return group, rules

    def _server(
        self, key: vultr.SSHKey, group: vultr.FirewallGroup, address: vultr.ReservedIp, rules: list[pulumi.Resource]
    ) -> vultr.Instance:
        access, plan = self._access, self._plan
        return vultr.Instance(
            f"{self._name}-server",
            region=access.region,
            plan=access.plan,
            os_id=access.os_id,
            label=self._label,
            tags=[f"{pulumi.get_project()}-{pulumi.get_stack()}"],
            hostname=plan.name,
            ssh_key_ids=[key.id],
            firewall_group_id=group.id,
            reserved_ip_id=address.id,
            enable_ipv6=access.ipv6,
            activation_email=False,
            user_data=pulumi.Output.secret(access.user_data(plan.name)),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=rules,
                protect=access.protect,
                # Two servers cannot hold one reserved address.
                delete_before_replace=True,
                # The first two would replace the server, a monitor and etcd member, for a changed comment; the third an adopted one,
                # because it is never read back.
                ignore_changes=["sshKeyIds", "userData", "reservedIpId"],
                additional_secret_outputs=["defaultPassword"],
                hooks=pulumi.ResourceHookBinding(before_create=[refuse_second(f"{self._name}-second", self._label)]),
            ),
        )

    def _contact(self, fleet: FleetPlan) -> local.Command:
        plan, access = self._plan, self._access

        def document(host: str) -> str:
            target = Target(plan.name, host, 22, "root", access.host_key, fleet.key_file)
            return json.dumps({**target.document(), "deadline": PATIENCE, "cloudInit": True}, sort_keys=True)

        return local.Command(
            f"{self._name}-contact",
            create=CONTACT,
            stdin=self.host.apply(document),
            logging=local.Logging.STDERR,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=self, deleted_with=self.anchor, replace_with=[self.anchor]),
        )


def _address(known: list[str]) -> str:
    try:
        return public_address(reserved=known[0], main=known[1])
    except ValueError as problem:
        raise pulumi.RunError(str(problem)) from None
