"""The resources' properties as provider 2.27.1 declares them, and what follows from that: checks, defaults and differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"  # how the engine writes a value that a preview cannot know

Change = Literal["add", "delete", "update"]


@dataclass(frozen=True)
class Property:
    """computed: the cloud fills it in when the program says nothing, so leaving it out is no change."""

    required: bool = False
    replaces: bool = False
    computed: bool = False
    unordered: bool = False
    ignores_case: bool = False
    default: str | bool | int | None = None
    only: frozenset[Any] | None = None


@dataclass(frozen=True)
class Resource:
    """outputs: what the cloud alone says. deletes_first: a replacement does not stand beside the old one."""

    inputs: Mapping[str, Property]
    outputs: frozenset[str] = frozenset()
    named: bool = False
    deletes_first: bool = False


def _only(*values: Any) -> frozenset[Any]:
    return frozenset(values)


_BOUND = Property(required=True, replaces=True)

INSTANCE = Resource(
    inputs={
        "region": Property(required=True, replaces=True, ignores_case=True),
        "plan": Property(required=True),
        "osId": Property(replaces=True, computed=True),
        "label": Property(computed=True),
        "hostname": Property(replaces=True, computed=True),
        "tags": Property(unordered=True),
        "sshKeyIds": Property(replaces=True),
        "userData": Property(replaces=True, computed=True),
        "firewallGroupId": Property(computed=True),
        "reservedIpId": Property(replaces=True, computed=True),
        "enableIpv6": Property(),
        "activationEmail": Property(),
        "disablePublicIpv4": Property(replaces=True, only=_only(False)),
        "ddosProtection": Property(default=False, only=_only(False)),
        "backups": Property(default="disabled", only=_only("disabled")),
        "userScheme": Property(default="root", replaces=True, only=_only("root")),
        "isoId": Property(default="", only=_only("")),
    },
    outputs=frozenset(
        {"allowedBandwidth", "appId", "dateCreated", "defaultPassword", "disk", "features", "gatewayV4", "internalIp", "kvm", "mainIp"}
        | {"netmaskV4", "os", "powerStatus", "ram", "serverStatus", "status", "v6MainIp", "v6Network", "v6NetworkSize", "vcpuCount"}
    ),
)

SSH_KEY = Resource(
    inputs={"name": Property(required=True), "sshKey": Property(required=True)},
    outputs=frozenset({"dateCreated"}),
    named=True,
)

FIREWALL_GROUP = Resource(
    inputs={"description": Property(default="")},
    outputs=frozenset({"dateCreated", "dateModified", "instanceCount", "maxRuleCount", "ruleCount"}),
)

FIREWALL_RULE = Resource(
    inputs={
        "firewallGroupId": _BOUND,
        "ipType": Property(required=True, replaces=True, only=_only("v4", "v6")),
        "protocol": Property(required=True, replaces=True, only=_only("icmp", "tcp", "udp", "gre", "ah", "esp")),
        "subnet": _BOUND,
        "subnetSize": _BOUND,
        "port": Property(replaces=True, default=""),
        "source": Property(replaces=True, default="", only=_only("")),
        "notes": Property(replaces=True, default=""),
    },
)

RESERVED_IP = Resource(
    inputs={
        "region": Property(required=True, replaces=True, ignores_case=True),
        "ipType": Property(required=True, replaces=True, only=_only("v4", "v6")),
        "label": Property(default=""),
    },
    outputs=frozenset({"instanceId", "subnet", "subnetSize"}),
)

DNS_DOMAIN = Resource(
    inputs={"domain": _BOUND, "dnsSec": Property(default="disabled", only=_only("disabled", "enabled"))},
    outputs=frozenset({"dateCreated"}),
)

DNS_RECORD = Resource(
    inputs={
        "domain": _BOUND,
        "type": Property(required=True, replaces=True, only=_only("A", "AAAA", "CNAME")),
        "name": Property(required=True),
        "data": Property(required=True),
        "ttl": Property(default=3600),
        "priority": Property(),
    },
    named=True,
    deletes_first=True,
)

RESOURCES = {
    "vultr:index/instance:Instance": INSTANCE,
    "vultr:index/sSHKey:SSHKey": SSH_KEY,
    "vultr:index/firewallGroup:FirewallGroup": FIREWALL_GROUP,
    "vultr:index/firewallRule:FirewallRule": FIREWALL_RULE,
    "vultr:index/reservedIp:ReservedIp": RESERVED_IP,
    "vultr:index/dnsDomain:DnsDomain": DNS_DOMAIN,
    "vultr:index/dnsRecord:DnsRecord": DNS_RECORD,
}


def with_defaults(resource: Resource, inputs: Mapping[str, Any], auto_name: str) -> dict[str, Any]:
    """The inputs with the provider's defaults and, under `__defaults`, the list of them, as the real one stores it."""
    given = {key: value for key, value in inputs.items() if not key.startswith("__") and value is not None}
    added = {key: prop.default for key, prop in resource.inputs.items() if prop.default is not None and key not in given}
    if resource.named and "name" not in given:
        added["name"] = auto_name
    return {**given, **added, "__defaults": sorted(added)}


def problems(resource: Resource, inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(property, reason) of everything that is missing, wrong, or not done by this stand-in."""
    missing = [key for key, prop in resource.inputs.items() if prop.required and key not in inputs]
    found = [(key, f'Missing required argument: the argument "{key}" is required') for key in missing]
    for key, value in inputs.items():
        known = resource.inputs.get(key)
        if key.startswith("__"):
            continue
        if known is None:
            found.append((key, f"the rehearsal's vultr stand-in does not do `{key}`"))
        elif known.only is not None and value != UNKNOWN and value not in known.only:
            choices = ", ".join(sorted(repr(choice) for choice in known.only))
            found.append((key, f"`{key}` is {value!r}, but the rehearsal's vultr stand-in does only {choices}"))
    return found


def changes(resource: Resource, state: Mapping[str, Any], inputs: Mapping[str, Any], ignored: frozenset[str]) -> dict[str, Change]:
    """How the wanted inputs differ from what the state (not the old inputs) says, property by property."""
    found = {}
    for key, prop in resource.inputs.items():
        change = None if key in ignored else _change(prop, state.get(key), inputs.get(key))
        if change:
            found[key] = change
    return found


def _change(prop: Property, old: Any, new: Any) -> Change | None:
    if new is None:
        return None if prop.computed or _empty(old) else "delete"
    if old is None:
        return None if _empty(new) else "add"
    if prop.unordered and isinstance(old, list) and isinstance(new, list):
        old, new = sorted(old), sorted(new)
    if prop.ignores_case and isinstance(old, str) and isinstance(new, str):
        old, new = old.lower(), new.lower()
    return None if old == new else "update"


def _empty(value: Any) -> bool:
    """An absent value and an empty one are one thing to the real provider."""
    return value in (None, "", False, 0, [], {})
