"""An emulated Vultr account: keeps its objects when every client has gone, and answers and refuses as the real one does.

Every method is one HTTP request of the real interface (named in its first line) and raises `Refused` where that answers no 2xx.
"""

from __future__ import annotations

import dataclasses
import re
import secrets
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rehearsal.plugins.vultr.catalog import BOOTABLE, IMAGES, PLANS, REGIONS
from rehearsal.plugins.vultr.hypervisor import Hypervisor, Server
from rehearsal.plugins.vultr.objects import FirewallGroup, FirewallRule, Instance, Order, Refused, ReservedIp, SSHKey
from rehearsal.plugins.vultr.store import Store, lock
from rehearsal.plugins.vultr.zones import Zones

KEYS, GROUPS, RULES, ADDRESSES, INSTANCES = "ssh-keys", "firewalls", "firewall-rules", "reserved-ips", "instances"
POOL = [f"203.0.113.{last}" for last in range(100, 200)]
ATTACHED = "Server add failed: Floating IPv4 address is already attached to another server"


class Cloud:
    """`boot(id)` starts the installation of an instance in a process of its own, and must return at once."""

    def __init__(self, store: Store, hypervisor: Hypervisor, boot: Callable[[str], None]) -> None:
        self._store = store
        self._hypervisor = hypervisor
        self._boot = boot
        self.zones = Zones(store)

    # SSH keys

    def create_key(self, name: str, ssh_key: str) -> SSHKey:
        """POST /v2/ssh-keys"""
        key = SSHKey(_new_id(), name, ssh_key, _now())
        self._store.put(KEYS, key.id, key)
        return key

    def key(self, key_id: str) -> SSHKey:
        """GET /v2/ssh-keys/ID"""
        return self._store.get(KEYS, key_id, SSHKey) or _refuse(404, "Invalid ssh key")

    def change_key(self, key_id: str, **changes: str) -> None:
        """PATCH /v2/ssh-keys/ID"""
        self._store.put(KEYS, key_id, dataclasses.replace(self.key(key_id), **changes))

    def delete_key(self, key_id: str) -> None:
        """DELETE /v2/ssh-keys/ID"""
        self.key(key_id)
        self._store.drop(KEYS, key_id)

    # Firewall

    def create_group(self, description: str) -> FirewallGroup:
        """POST /v2/firewalls"""
        group = FirewallGroup(_new_id(), description, _now(), _now())
        self._store.put(GROUPS, group.id, group)
        return group

    def group(self, group_id: str) -> FirewallGroup:
        """GET /v2/firewalls/ID"""
        return self._store.get(GROUPS, group_id, FirewallGroup) or _refuse(404, "Firewall group ID not found.")

    def rules(self, group_id: str) -> tuple[FirewallRule, ...]:
        """GET /v2/firewalls/ID/rules"""
        return tuple(sorted((r for r in self._store.all(RULES, FirewallRule) if r.group == group_id), key=lambda rule: rule.id))

    def members(self, group_id: str) -> list[Instance]:
        """The instances behind a firewall group."""
        return [instance for instance in self.instances() if instance.firewall_group_id == group_id]

    def change_group(self, group_id: str, description: str) -> None:
        """PUT /v2/firewalls/ID"""
        changed = dataclasses.replace(self.group(group_id), description=description, date_modified=_now())
        self._store.put(GROUPS, group_id, changed)

    def delete_group(self, group_id: str) -> None:
        """DELETE /v2/firewalls/ID; its rules go with it, and machines behind it stand open."""
        self.group(group_id)
        with self._store.locked():
            for rule in self.rules(group_id):
                self._store.drop(RULES, _rule_key(group_id, rule.id))
            self._store.drop(GROUPS, group_id)
            for instance in self.members(group_id):
                self._change(instance, firewall_group_id="")

    def create_rule(self, group_id: str, **fields: Any) -> FirewallRule:
        """POST /v2/firewalls/ID/rules"""
        with self._store.locked():
            group = self.group(group_id)
            rule = FirewallRule(id=group.next_rule, group=group_id, **fields)
            if any(other.meaning == rule.meaning for other in self.rules(group_id)):
                raise Refused(400, "This rule is already defined")
            self._store.put(GROUPS, group_id, dataclasses.replace(group, next_rule=group.next_rule + 1, date_modified=_now()))
            self._store.put(RULES, _rule_key(group_id, rule.id), rule)
            self._guard_members(group_id)
        return rule

    def rule(self, group_id: str, number: int) -> FirewallRule:
        """GET /v2/firewalls/ID/rules/NUMBER"""
        return self._store.get(RULES, _rule_key(group_id, number), FirewallRule) or _refuse(404, "Firewall rule ID not found")

    def delete_rule(self, group_id: str, number: int) -> None:
        """DELETE /v2/firewalls/ID/rules/NUMBER"""
        self.rule(group_id, number)
        with self._store.locked():
            self._store.drop(RULES, _rule_key(group_id, number))
            self._guard_members(group_id)

    # Reserved addresses

    def reserve(self, region: str, ip_type: str, label: str) -> ReservedIp:
        """POST /v2/reserved-ips"""
        _known_region(region)
        if ip_type != "v4":
            raise Refused(400, f"the rehearsal's cloud reserves v4 addresses only, not {ip_type}")
        with self._store.locked():
            address = ReservedIp(_new_id(), region, ip_type, self._free_address(), 32, label)
            self._store.put(ADDRESSES, address.id, address)
        return address

    def reserved(self, address_id: str) -> ReservedIp:
        """GET /v2/reserved-ips/ID"""
        return self._store.get(ADDRESSES, address_id, ReservedIp) or _refuse(404, "Invalid reserved-ip ID")

    def label_reserved(self, address_id: str, label: str) -> None:
        """PATCH /v2/reserved-ips/ID"""
        self._store.put(ADDRESSES, address_id, dataclasses.replace(self.reserved(address_id), label=label))

    def release(self, address_id: str) -> None:
        """DELETE /v2/reserved-ips/ID"""
        if self.reserved(address_id).instance_id:
            raise Refused(400, "Unable to detach subnet, please restart your server from the control panel")
        self._store.drop(ADDRESSES, address_id)

    # Instances

    def instances(self) -> list[Instance]:
        """GET /v2/instances"""
        return self._store.all(INSTANCES, Instance)

    def instance(self, instance_id: str) -> Instance:
        """GET /v2/instances/ID"""
        return self._store.get(INSTANCES, instance_id, Instance) or _refuse(404, "instance not found")

    def powered(self, instance: Instance) -> bool:
        """Whether `power_status` is running."""
        return instance.status == "active" and self._hypervisor.running(instance.machine)

    def order(self, order: Order) -> Instance:
        """POST /v2/instances: recorded first, so that it exists (and costs) whatever becomes of the client."""
        self._check(order)
        with self._store.locked():
            reserved = self.reserved(order.reserved_ipv4) if order.reserved_ipv4 else None
            if reserved and reserved.instance_id:
                raise Refused(400, ATTACHED)
            instance = self._ordered(order, reserved.subnet if reserved else self._free_address())
            self._store.put(INSTANCES, instance.id, instance)
            if reserved:
                self._store.put(ADDRESSES, reserved.id, dataclasses.replace(reserved, instance_id=instance.id))
        self._boot(instance.id)
        return instance

    def _ordered(self, order: Order, address: str) -> Instance:
        instance_id, password = _new_id(), secrets.token_urlsafe(12)
        fields = {key: value for key, value in vars(order).items() if key != "reserved_ipv4"}
        machine = self._machine_name(order.hostname, instance_id)
        return Instance(id=instance_id, machine=machine, address=address, default_password=password, date_created=_now(), **fields)

    def change_instance(self, instance_id: str, **changes: Any) -> None:
        """PATCH /v2/instances/ID; a field left out stays."""
        with self._store.locked():
            instance = self.instance(instance_id)
            if changes.get("plan", instance.plan) not in PLANS:
                raise Refused(400, "Invalid plan chosen.")
            if changes.get("enable_ipv6", instance.enable_ipv6) != instance.enable_ipv6:
                raise Refused(400, "the rehearsal's cloud cannot turn IPv6 on or off on a running machine")
            if changes.get("firewall_group_id"):
                self.group(changes["firewall_group_id"])
            self._change(instance, **changes)

    def delete_instance(self, instance_id: str) -> None:
        """DELETE /v2/instances/ID; frees its reserved address. Waits for an installation under way, so that nothing is left of it."""
        instance = self.instance(instance_id)
        with self._store.locked():
            self._store.drop(INSTANCES, instance_id)
        with self._installing(instance_id):
            self._hypervisor.remove(instance.machine)
        with self._store.locked():
            for address in self._store.all(ADDRESSES, ReservedIp):
                if address.instance_id == instance_id:
                    self._store.put(ADDRESSES, address.id, dataclasses.replace(address, instance_id=""))

    def install(self, instance_id: str) -> None:
        """The cloud's own work after an order: boot the machine, then say so (a deletion meanwhile waits, and then removes it)."""
        with self._installing(instance_id):
            instance = self._store.get(INSTANCES, instance_id, Instance)
            if instance is None:
                return
            status, error = self._start(instance)
            with self._store.locked():
                current = self._store.get(INSTANCES, instance_id, Instance)
                if current is None:
                    return
                # Rules made while the machine booted were only written down: `_guard_members` leaves pending machines to this line.
                self._hypervisor.guard(current.machine, self._edge(current))
                self._store.put(INSTANCES, instance_id, dataclasses.replace(current, status=status, error=error))

    def _start(self, instance: Instance) -> tuple[str, str]:
        address6 = f"2001:db8:113::{instance.address.rpartition('.')[2]}" if instance.enable_ipv6 else None
        keys = tuple(self.key(key).ssh_key for key in instance.sshkey_id)
        try:
            self._hypervisor.guard(instance.machine, self._edge(instance))
            self._hypervisor.start(Server(instance.machine, instance.address, address6, instance.user_data, keys))
        except Exception as problem:  # whatever went wrong belongs into the account, where the waiting client sees it
            return "failed", f"{type(problem).__name__}: {problem}"
        return "active", ""

    def _installing(self, instance_id: str) -> Any:
        return lock(self._store.root / INSTANCES / f"{instance_id}.lock")

    def _change(self, instance: Instance, **changes: Any) -> None:
        changed = dataclasses.replace(instance, **changes)
        self._store.put(INSTANCES, instance.id, changed)
        if changed.firewall_group_id != instance.firewall_group_id and self.powered(changed):
            self._hypervisor.guard(changed.machine, self._edge(changed))

    def _edge(self, instance: Instance) -> tuple[FirewallRule, ...] | None:
        return self.rules(instance.firewall_group_id) if instance.firewall_group_id else None

    def _guard_members(self, group_id: str) -> None:
        for instance in self.members(group_id):
            if self.powered(instance):
                self._hypervisor.guard(instance.machine, self.rules(group_id))

    def _check(self, order: Order) -> None:
        _known_region(order.region)
        if order.plan not in PLANS:
            raise Refused(400, "Invalid plan chosen.")
        if order.os_id not in IMAGES:
            raise Refused(400, "Invalid OS ID.")
        if order.os_id != BOOTABLE:
            raise Refused(400, f"the rehearsal has an image of {IMAGES[BOOTABLE]} ({BOOTABLE}) only, not of {IMAGES[order.os_id]}")
        if order.firewall_group_id:
            self.group(order.firewall_group_id)
        for key in order.sshkey_id:
            self.key(key)

    def _free_address(self) -> str:
        taken = {item.subnet for item in self._store.all(ADDRESSES, ReservedIp)} | {item.address for item in self.instances()}
        for address in POOL:
            if address not in taken:
                return address
        raise Refused(400, "the rehearsal's cloud has no address left")

    def _machine_name(self, hostname: str, instance_id: str) -> str:
        """The host name, for the people who look at it; a second machine under one name gets a number of its own."""
        taken = {other.machine for other in self.instances()}
        usable = re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", hostname) and hostname not in taken
        return hostname if usable else f"i-{instance_id[:8]}"


def _known_region(region: str) -> None:
    if region.lower() not in REGIONS:
        raise Refused(400, "Invalid region.")


def _rule_key(group_id: str, number: int) -> str:
    return f"{group_id}-{number}"


def _refuse(status: int, error: str) -> Any:
    raise Refused(status, error)


def _new_id() -> str:
    return str(uuid.uuid4())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
