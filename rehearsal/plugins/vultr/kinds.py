"""What provider 2.27.1 does with each kind of resource, on plain values: its requests, error texts and stored outputs.

All but the instance, which has a module of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rehearsal.plugins.vultr.cloud import Cloud
from rehearsal.plugins.vultr.schema import DNS_DOMAIN, DNS_RECORD, FIREWALL_GROUP, FIREWALL_RULE, RESERVED_IP, SSH_KEY, Resource

Values = dict[str, Any]


class Kind:
    """One resource type over the cloud. Methods may raise the cloud's `Refused`; the caller puts `words` before its text."""

    schema: Resource
    gone: str  # what an answer contains when the object does not exist any more
    creating: str
    reading: str  # may use {id} and {group}
    name: str  # in "error updating …" and "error destroying …"
    destroying = "error destroying {name} {id} "

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    async def create(self, inputs: Values, timeout: float) -> str:
        """The id of the new object. timeout: the program's, in seconds; 0 without one."""
        raise NotImplementedError

    def told(self, object_id: str, state: Values) -> Values:
        """The outputs that the cloud tells; all others stay as they are in the state."""
        raise NotImplementedError

    def update(self, object_id: str, inputs: Values, state: Values) -> None:
        raise NotImplementedError

    def delete(self, object_id: str, state: Values) -> None:
        raise NotImplementedError


class SSHKey(Kind):
    schema, name, gone = SSH_KEY, "SSH key", "Invalid ssh key"
    creating, reading = "error creating SSH key", "error getting SSH keys"

    async def create(self, inputs: Values, timeout: float) -> str:
        return self.cloud.create_key(inputs["name"], inputs["sshKey"]).id

    def told(self, object_id: str, state: Values) -> Values:
        key = self.cloud.key(object_id)
        return {"name": key.name, "sshKey": key.ssh_key, "dateCreated": key.date_created}

    def update(self, object_id: str, inputs: Values, state: Values) -> None:
        self.cloud.change_key(object_id, name=inputs["name"], ssh_key=inputs["sshKey"])

    def delete(self, object_id: str, state: Values) -> None:
        self.cloud.delete_key(object_id)


class FirewallGroup(Kind):
    schema, name, gone = FIREWALL_GROUP, "firewall group", '"status":404'
    creating, reading = "error creating firewall group", "error getting firewall group {id} "

    async def create(self, inputs: Values, timeout: float) -> str:
        return self.cloud.create_group(inputs["description"]).id

    def told(self, object_id: str, state: Values) -> Values:
        group = self.cloud.group(object_id)
        return {
            "description": group.description,
            "dateCreated": group.date_created,
            "dateModified": group.date_modified,
            "instanceCount": len(self.cloud.members(object_id)),
            "ruleCount": len(self.cloud.rules(object_id)),
            "maxRuleCount": 50,
        }

    def update(self, object_id: str, inputs: Values, state: Values) -> None:
        self.cloud.change_group(object_id, inputs["description"])

    def delete(self, object_id: str, state: Values) -> None:
        self.cloud.delete_group(object_id)


class FirewallRule(Kind):
    schema, name, gone = FIREWALL_RULE, "firewall rule", "Firewall rule ID not found"
    creating, reading = "error creating firewall rule ", "error getting firewall rule {group}"

    fields: Mapping[str, str] = {
        "ipType": "ip_type",
        "protocol": "protocol",
        "subnet": "subnet",
        "subnetSize": "subnet_size",
        "port": "port",
        "source": "source",
        "notes": "notes",
    }

    async def create(self, inputs: Values, timeout: float) -> str:
        values = {field: inputs[key] for key, field in self.fields.items()}
        values["subnet_size"] = int(values["subnet_size"])
        return str(self.cloud.create_rule(inputs["firewallGroupId"], **values).id)

    def told(self, object_id: str, state: Values) -> Values:
        group, _, number = object_id.rpartition(",")  # "GROUP,RULE" is what an import names
        rule = self.cloud.rule(group or state["firewallGroupId"], int(number))
        return {"firewallGroupId": rule.group, **{key: getattr(rule, field) for key, field in self.fields.items()}}

    def delete(self, object_id: str, state: Values) -> None:
        self.cloud.delete_rule(state["firewallGroupId"], int(object_id))


class ReservedIp(Kind):
    schema, name, gone = RESERVED_IP, "Reserved IP", "Invalid reserved-ip ID"
    creating, reading = "error creating reserved IP", "error getting Reserved IPs"

    async def create(self, inputs: Values, timeout: float) -> str:
        return self.cloud.reserve(inputs["region"], inputs["ipType"], inputs["label"]).id

    def told(self, object_id: str, state: Values) -> Values:
        address = self.cloud.reserved(object_id)
        return {
            "region": address.region,
            "ipType": address.ip_type,
            "label": address.label,
            "subnet": address.subnet,
            "subnetSize": address.subnet_size,
            "instanceId": address.instance_id,
        }

    def update(self, object_id: str, inputs: Values, state: Values) -> None:
        self.cloud.label_reserved(object_id, inputs["label"])

    def delete(self, object_id: str, state: Values) -> None:
        self.cloud.release(object_id)


class DnsDomain(Kind):
    schema, name, gone = DNS_DOMAIN, "domain", "Invalid domain"
    creating, reading = "error while creating domain ", "error getting domains "

    async def create(self, inputs: Values, timeout: float) -> str:
        return self.cloud.zones.create_domain(inputs["domain"], inputs["dnsSec"]).domain

    def told(self, object_id: str, state: Values) -> Values:
        domain = self.cloud.zones.domain(object_id)
        return {"domain": domain.domain, "dnsSec": domain.dns_sec, "dateCreated": domain.date_created}

    def update(self, object_id: str, inputs: Values, state: Values) -> None:
        self.cloud.zones.change_domain(object_id, inputs["dnsSec"])

    def delete(self, object_id: str, state: Values) -> None:
        self.cloud.zones.delete_domain(object_id)


class DnsRecord(Kind):
    """Any answer that is no record, whatever it says, is taken for a record that is gone."""

    schema, name, gone = DNS_RECORD, "DNS record", ""
    creating, reading, destroying = "error creating DNS record ", "", "error deleting dns record {id} "

    async def create(self, inputs: Values, timeout: float) -> str:
        fields = self._changeable(inputs)
        return self.cloud.zones.create_record(inputs["domain"], type=inputs["type"], **fields).id

    def told(self, object_id: str, state: Values) -> Values:
        domain, _, number = object_id.rpartition(",")  # "DOMAIN,ID" is what an import names
        record = self.cloud.zones.record(domain or state["domain"], number)
        shown = {key: getattr(record, key) for key in ("domain", "type", "name", "data", "ttl")}
        return {**shown, "priority": record.priority} if record.priority or "priority" in state else shown

    def update(self, object_id: str, inputs: Values, state: Values) -> None:
        self.cloud.zones.change_record(state["domain"], object_id, **self._changeable(inputs))

    def delete(self, object_id: str, state: Values) -> None:
        self.cloud.zones.delete_record(state["domain"], object_id)

    def _changeable(self, inputs: Values) -> Values:
        return {"name": inputs["name"], "data": inputs["data"], "ttl": int(inputs["ttl"]), "priority": int(inputs.get("priority") or 0)}
