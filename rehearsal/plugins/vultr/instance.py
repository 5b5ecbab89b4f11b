"""The instance as provider 2.27.1 handles it, and the data source that finds one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rehearsal.plugins.resource import Failure
from rehearsal.plugins.vultr import objects
from rehearsal.plugins.vultr.catalog import IMAGES, PLANS
from rehearsal.plugins.vultr.cloud import ATTACHED, Cloud
from rehearsal.plugins.vultr.kinds import Kind, Values
from rehearsal.plugins.vultr.schema import INSTANCE

POLL = 0.3  # seconds


class Unfinished(Exception):
    """The machine was ordered (and costs) but does not run; the text says why."""

    def __init__(self, instance: objects.Instance, reason: str) -> None:
        super().__init__(reason)
        self.instance = instance


class Instance(Kind):
    """Deadlines in seconds: for the system to run, and for a reserved address to come free of another machine."""

    schema, name, gone = INSTANCE, "instance", "invalid instance ID"
    creating, reading = "error creating server", "error getting instance ({id})"

    def __init__(self, cloud: Cloud, boot_deadline: float = 600, attach_deadline: float = 30) -> None:
        super().__init__(cloud)
        self._boot_deadline = boot_deadline
        self._attach_deadline = attach_deadline

    async def create(self, inputs: Values, timeout: float) -> str:
        if not inputs.get("osId"):
            raise Failure("error occurred while getting your intended os type")
        instance = await self._order(_order(inputs), min(timeout or self._attach_deadline, self._attach_deadline))
        problem = await self._boot_problem(instance.id, min(timeout or self._boot_deadline, self._boot_deadline))
        if problem:
            raise Unfinished(instance, problem)
        return instance.id

    async def _order(self, order: objects.Order, patience: float) -> objects.Instance:
        """Orders again, with growing pauses, while the reserved address hangs on another machine."""
        deadline, pause = time.monotonic() + patience, 0.5
        while True:
            try:
                return await asyncio.to_thread(self.cloud.order, order)
            except objects.Refused as refusal:
                if ATTACHED not in str(refusal):
                    raise
                if time.monotonic() + pause > deadline:
                    raise Failure(f"error creating server: cannot create instance with reserved IP: {refusal}") from refusal
            await asyncio.sleep(pause)
            pause = min(2 * pause, 10.0)

    async def _boot_problem(self, instance_id: str, patience: float) -> str | None:
        """Waits for status active, then for power status running; what went wrong, or None."""
        waiting = f"error while waiting for Server {instance_id} to be completed"
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            try:
                instance = await asyncio.to_thread(self.cloud.instance, instance_id)
            except objects.Refused as refusal:
                return f"{waiting}: error retrieving Server {instance_id} : {refusal}"
            if instance.status == "failed":
                return f"{waiting}: unexpected state 'failed', wanted target 'active'. last error: {instance.error}"
            if await asyncio.to_thread(self.cloud.powered, instance):
                return None
            await asyncio.sleep(POLL)
        return f"{waiting}: timeout while waiting for state to become 'active' (timeout: {patience:.0f}s)"

    def update(self, object_id: str, inputs: Values, state: Values) -> None:
        """One PATCH; no wait for a machine that is still booting. An argument taken out of the program stays as it was."""
        changes: dict[str, Any] = {
            "plan": inputs["plan"],
            "tags": tuple(inputs.get("tags") or ()),
            "enable_ipv6": bool(inputs.get("enableIpv6")),
            "firewall_group_id": inputs.get("firewallGroupId") or state.get("firewallGroupId") or "",
        }
        if inputs.get("label"):
            changes["label"] = inputs["label"]
        self.cloud.change_instance(object_id, **changes)

    def delete(self, object_id: str, state: Values) -> None:
        self.cloud.delete_instance(object_id)

    def told(self, object_id: str, state: Values) -> Values:
        return instance_outputs(self.cloud, self.cloud.instance(object_id))

    def found(self, filters: Sequence[Mapping[str, Any]]) -> Values:
        """The data source getInstance: exactly one hit, or an error."""
        if not filters:
            raise Failure("issue with filter: false")
        hits = [instance for instance in self.cloud.instances() if all(_matches(instance, wanted) for wanted in filters)]
        if len(hits) > 1:
            raise Failure("your search returned too many results. Please refine your search to be more specific")
        if not hits:
            raise Failure("no results were found")
        schedule = {"type": "", "hour": "0", "dom": "0", "dow": "0"}
        unused = {"imageId": "", "location": "", "vpcIds": [], "vpc2Ids": [], "backupsSchedule": schedule}
        only_here = {"id": hits[0].id, "label": hits[0].label, "filters": list(filters)}
        return {**instance_outputs(self.cloud, hits[0]), **only_here, **unused}


def instance_outputs(cloud: Cloud, instance: objects.Instance) -> Values:
    """Not the label, the keys, the user data or the reserved address: provider 2.27.1 never reads those."""
    plan, v6, installed = PLANS[instance.plan], instance.v6_main_ip, instance.status == "active"
    return {
        "os": IMAGES[instance.os_id],
        "osId": instance.os_id,
        "appId": 0,
        "ram": plan.memory,
        "disk": plan.disk,
        "vcpuCount": plan.cpus,
        "allowedBandwidth": plan.bandwidth,
        "region": instance.region,
        "plan": instance.plan,
        "dateCreated": instance.date_created,
        "status": instance.status,
        "powerStatus": "running" if cloud.powered(instance) else "stopped",
        "serverStatus": "ok" if installed else "none",
        "mainIp": instance.main_ip,
        "netmaskV4": "255.255.255.0" if installed else "",
        "gatewayV4": "203.0.113.1" if installed else "",
        "internalIp": "",
        "v6MainIp": v6,
        "v6Network": "2001:db8:113::" if v6 else "",
        "v6NetworkSize": 64 if v6 else 0,
        "kvm": "",
        "hostname": instance.hostname,
        "tags": list(instance.tags),
        "firewallGroupId": instance.firewall_group_id,
        "features": ["ipv6"] if v6 else [],
        "userScheme": "root",
        "backups": "disabled",
    }


def _order(inputs: Values) -> objects.Order:
    return objects.Order(
        region=inputs["region"],
        plan=inputs["plan"],
        os_id=int(inputs["osId"]),
        label=inputs.get("label") or "",
        hostname=inputs.get("hostname") or "vultr.guest",
        tags=tuple(inputs.get("tags") or ()),
        sshkey_id=tuple(inputs.get("sshKeyIds") or ()),
        user_data=inputs.get("userData") or "",
        firewall_group_id=inputs.get("firewallGroupId") or "",
        reserved_ipv4=inputs.get("reservedIpId") or "",
        enable_ipv6=bool(inputs.get("enableIpv6")),
    )


def _matches(instance: objects.Instance, wanted: Mapping[str, Any]) -> bool:
    """`name` is a field of the HTTP interface; any of `values` fits a plain one, a list must have them all."""
    value, choices = getattr(instance, str(wanted["name"]), None), [str(choice) for choice in wanted["values"]]
    if isinstance(value, tuple):
        return all(choice in value for choice in choices)
    return str(value) in choices
