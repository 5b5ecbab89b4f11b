"""The Pulumi side: the engine's steps on one kind of resource, with the provider's defaults, differences and secrets."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from rehearsal.plugins import resource, wire
from rehearsal.plugins.resource import Change, Diff, Failure, Partial, Provider, State, Step
from rehearsal.plugins.vultr import objects, schema
from rehearsal.plugins.vultr.cloud import Cloud
from rehearsal.plugins.vultr.instance import Instance, Unfinished
from rehearsal.plugins.vultr.kinds import DnsDomain, DnsRecord, FirewallGroup, FirewallRule, Kind, ReservedIp, SSHKey, Values
from rehearsal.plugins.wire import Properties

VERSION = "2.27.1"  # of ediri-vultr, whose plug-in this stands in for
SENSITIVE = frozenset({"defaultPassword"})
MISSING_KEY = (
    "Provider is missing a required configuration key, try `pulumi config set vultr:apiKey`:"
    " The API Key that allows interaction with the API"
)


class Emulated(resource.Resource):
    """One kind of resource, as the engine sees it."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    async def check(self, step: Step, olds: Properties, news: Properties) -> Properties:
        kept = wire.plain(olds.get("name")) if "name" in (olds.get("__defaults") or []) else None
        inputs = schema.with_defaults(self._kind.schema, news, kept or f"{step.name}-{secrets.token_hex(4)[:7]}")
        problems = schema.problems(self._kind.schema, wire.plain(inputs))
        if problems:
            raise resource.Refused(*problems)
        return inputs

    def diff(self, step: Step, old: State, news: Properties) -> Diff:
        inputs = self._kind.schema.inputs
        found = schema.changes(self._kind.schema, wire.plain(old.outputs), wire.plain(news), frozenset(step.ignored))
        replaces = [key for key in found if inputs[key].replaces]
        detailed = {key: Change[change.upper() + ("_REPLACE" if key in replaces else "")] for key, change in found.items()}
        first = bool(replaces) and self._kind.schema.deletes_first
        return Diff(changes=bool(found), replaces=replaces, detailed=detailed, delete_before_replace=first)

    async def create(self, step: Step, inputs: Properties) -> State:
        if step.preview:
            return State("", inputs, self._promised(inputs))
        values = _values(inputs)
        try:
            object_id = await self._kind.create(values, step.timeout)
        except objects.Refused as refusal:
            raise Failure(f"{self._kind.creating}: {refusal}") from refusal
        except Unfinished as unfinished:
            raise Partial(str(unfinished), await self._state(unfinished.instance.id, inputs, values)) from unfinished
        return await self._state(object_id, inputs, values)

    async def _state(self, object_id: str, inputs: Properties, values: Values) -> State:
        outputs = await self._read(object_id, values) or values
        if isinstance(self._kind, Instance):
            outputs["defaultPassword"] = self._kind.cloud.instance(object_id).default_password
        return State(object_id, inputs, _marked(outputs, inputs))

    async def update(self, step: Step, old: State, inputs: Properties) -> Properties:
        values, state = _values(inputs), wire.plain(old.outputs)
        dropped = {key for key, prop in self._kind.schema.inputs.items() if not prop.computed and key not in values}
        merged = {key: value for key, value in {**state, **values}.items() if key not in dropped}
        if not step.preview:
            await self._request(f"error updating {self._kind.name} {old.id} ", lambda: self._kind.update(old.id, values, state))
            merged = await self._read(old.id, merged) or merged
        return _marked(merged, inputs, old.outputs)

    async def delete(self, step: Step, old: State) -> None:
        state = wire.plain(old.outputs)
        words = self._kind.destroying.format(name=self._kind.name, id=old.id)
        await self._request(words, lambda: self._kind.delete(old.id, state))

    async def read(self, step: Step, old: State) -> State | None:
        outputs = await self._read(old.id, wire.plain(old.outputs))
        if outputs is None:
            return None
        names = old.inputs or {key: None for key in self._kind.schema.inputs if outputs.get(key) not in (None, "", [])}
        inputs = {key: outputs.get(key, wire.plain(value)) for key, value in names.items()}
        object_id = old.id.rpartition(",")[2]
        return State(object_id, _marked(inputs, old.inputs, old.outputs), _marked(outputs, old.inputs, old.outputs))

    async def _read(self, object_id: str, state: Values) -> Values | None:
        """The state overlaid with what the cloud tells; None when the object has gone."""
        try:
            return {**state, **await asyncio.to_thread(self._kind.told, object_id, state)}
        except objects.Refused as refusal:
            if self._kind.gone in str(refusal):
                return None
            words = self._kind.reading.format(id=object_id, group=state.get("firewallGroupId", ""))
            raise Failure(f"{words}: {refusal}") from refusal

    async def _request(self, words: str, request: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(request)
        except objects.Refused as refusal:
            raise Failure(f"{words}: {refusal}") from refusal

    def _promised(self, inputs: Properties) -> Properties:
        """What a preview can say of the outputs: the inputs, and that the rest is not known yet."""
        described = self._kind.schema
        filled_in = {key for key, prop in described.inputs.items() if prop.computed} | described.outputs
        return {**dict.fromkeys(sorted(filled_in), wire.UNKNOWN), **_internal_left_out(inputs)}


def provider(cloud: Cloud) -> Provider:
    """The plug-in over one account."""
    instances = Instance(cloud)
    kinds: dict[str, Kind] = {
        "vultr:index/instance:Instance": instances,
        "vultr:index/sSHKey:SSHKey": SSHKey(cloud),
        "vultr:index/firewallGroup:FirewallGroup": FirewallGroup(cloud),
        "vultr:index/firewallRule:FirewallRule": FirewallRule(cloud),
        "vultr:index/reservedIp:ReservedIp": ReservedIp(cloud),
        "vultr:index/dnsDomain:DnsDomain": DnsDomain(cloud),
        "vultr:index/dnsRecord:DnsRecord": DnsRecord(cloud),
    }
    functions = {"vultr:index/getInstance:getInstance": _get_instance(instances)}
    return Provider("vultr", VERSION, {token: Emulated(kind) for token, kind in kinds.items()}, functions, _configure)


def _get_instance(instances: Instance) -> Callable[[Properties], Awaitable[Properties]]:
    async def get_instance(args: Properties) -> Properties:
        return await asyncio.to_thread(instances.found, wire.plain(args.get("filters") or []))

    return get_instance


async def _configure(config: Properties) -> None:
    """The key may come from the environment, and is not checked until the first request (here: never)."""
    key = wire.plain(config.get("apiKey")) or os.environ.get("VULTR_API_KEY")
    if not key:
        raise Failure(MISSING_KEY)


def _internal_left_out(properties: Properties) -> Properties:
    return {key: value for key, value in properties.items() if not key.startswith("__")}


def _values(inputs: Properties) -> Values:
    values: Values = wire.plain(_internal_left_out(inputs))
    return values


def _marked(outputs: Values, *origins: Properties) -> dict[str, Any]:
    """The outputs, secret where the origin of a value was secret, or where the provider itself says so."""
    hidden = SENSITIVE | {key for origin in origins for key, value in origin.items() if wire.is_secret(value)}
    return {key: wire.secret(value) if key in hidden else value for key, value in outputs.items()}
