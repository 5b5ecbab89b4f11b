"""The life cycle that local and remote commands share: which script an edit runs, and what is recorded."""

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.plugins import wire
from rehearsal.plugins.command.output import SHOWN, Capture, quoted
from rehearsal.plugins.resource import Diff, Failure, Refused, Resource, State, Step
from rehearsal.plugins.wire import Properties

OUTPUTS = ("stdout", "stderr")


@dataclass(frozen=True)
class Script:
    """One run: the command's text, the resource's plain properties, and the variables of the previous run's output."""

    text: str
    properties: Mapping[str, Any]
    previous: Mapping[str, str]

    def value(self, name: str, default: Any = None) -> Any:
        """A property; an absent one and null are the same."""
        given = self.properties.get(name)
        return default if given is None else given


class Command(Resource, ABC):
    """A resource whose steps are scripts. Refresh reads nothing and preview runs nothing."""

    refused: tuple[str, ...] = ()

    def __init__(self, interrupted: asyncio.Event) -> None:
        self.interrupted = interrupted

    @abstractmethod
    async def run(self, script: Script, capture: Capture, step: Step) -> None:
        """Runs the script to its end; raises Failure when it fails or cannot be started."""

    async def check(self, step: Step, olds: Properties, news: Properties) -> Properties:
        failures = [(name, f"the rehearsal's command stand-in does not do {name}") for name in self.refused if news.get(name) is not None]
        logging = wire.plain(news.get("logging"))
        if logging is not None and logging != wire.UNKNOWN and logging not in SHOWN:
            failures.append(("logging", f"{logging!r} is none of {', '.join(SHOWN)}"))
        if failures:
            raise Refused(*failures)
        return {"addPreviousOutputInEnv": True, **news}

    def diff(self, step: Step, old: State, news: Properties) -> Diff:
        """The engine compares the inputs, and the SDK makes a changed trigger a replacement; only a list that comes or goes
        as a whole is not covered by that."""
        came_or_went = (old.inputs.get("triggers") is None) != (news.get("triggers") is None)
        return Diff(replaces=["triggers"] if came_or_went and "triggers" not in step.ignored else [])

    async def create(self, step: Step, inputs: Properties) -> State:
        if step.preview:
            return State("", inputs, {**inputs, **dict.fromkeys(OUTPUTS, wire.UNKNOWN)})
        outputs = {**inputs, **dict.fromkeys(OUTPUTS, "")}
        text = wire.plain(inputs.get("create"))
        if text is not None:
            outputs |= await self._run(step, text, inputs, {})
        return State(f"{step.name}{secrets.token_hex(4)}", inputs, outputs)

    async def update(self, step: Step, old: State, inputs: Properties) -> Properties:
        before = {name: old.outputs.get(name, "") for name in OUTPUTS}
        update, create = (wire.plain(inputs.get(name)) for name in ("update", "create"))
        text = create if update is None else update
        if step.preview:
            return {**inputs, **dict.fromkeys(OUTPUTS, wire.UNKNOWN)}
        if text is None:
            return {**inputs, **before}
        return {**inputs, **await self._run(step, text, inputs, before)}

    async def delete(self, step: Step, old: State) -> None:
        text = wire.plain(old.outputs.get("delete"))
        if text is not None:
            await self._run(step, text, old.outputs, old.outputs)

    async def _run(self, step: Step, text: str, properties: Properties, before: Properties) -> Properties:
        plain = wire.plain(properties)
        script = Script(text, plain, _previous(plain, wire.plain(dict(before))))
        capture = Capture(step, plain.get("logging") or "stdoutAndStderr")
        async with capture:
            await self.run(script, capture, step)
        return {name: capture.text(name) for name in ("stdout", "stderr")}


def failed(why: str, script: Script, capture: Capture) -> Failure:
    """A script's failure in the official plug-in's words: why, the whole command line, all it printed."""
    return Failure(f"{why}: running {quoted(script.text)}:\n{capture.mixed()}")


def _previous(properties: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, str]:
    if properties.get("addPreviousOutputInEnv") is False:
        return {}
    variables = {"PULUMI_COMMAND_STDOUT": before.get("stdout"), "PULUMI_COMMAND_STDERR": before.get("stderr")}
    return {name: value for name, value in variables.items() if value}
