"""What a stand-in plug-in says about itself: a Provider with one Resource a type token. Nothing here knows gRPC.

    class Bucket(Resource):
        async def check(self, step, olds, news):            # fill in defaults; raise Refused for a bad property
            return {"acl": "private", **news}
        async def create(self, step, inputs):
            if step.preview:
                return State("", inputs, {**inputs, "address": wire.UNKNOWN})
            await step.log("making it")                     # an ephemeral line under the resource
            return State("b-1", inputs, {**inputs, "address": wire.secret("…")})
        async def delete(self, step, old): ...

    serve(Provider(name="store", version="1.2.3", resources={"store:index/bucket:Bucket": Bucket()}))

Properties are wire JSON (see wire.py): read a value with wire.plain(inputs["x"]); give inputs back as they came and their
secrets stay secret. All calls share one event loop: blocking work belongs in asyncio.to_thread.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol

from rehearsal.plugins.wire import Properties

Severity = Literal["debug", "info", "warning", "error"]


class Failure(Exception):
    """A step failed; the text is what the person reads. Nothing of the resource is recorded by it."""


class Refused(Exception):
    """Check found bad properties; every (property path, reason) is shown."""

    def __init__(self, *failures: tuple[str, str]) -> None:
        super().__init__("; ".join(f"{path}: {reason}" for path, reason in failures))
        self.failures = failures


class Partial(Failure):
    """A create or an update failed half way: the state is recorded with the error, so that the resource is not lost."""

    def __init__(self, text: str, state: "State") -> None:
        super().__init__(text)
        self.state = state


@dataclass(frozen=True)
class State:
    """A resource as it is recorded. `inputs` and `outputs` are wire JSON; the id of a preview is the empty string."""

    id: str
    inputs: Properties
    outputs: Properties


class Change(Enum):
    """What the engine shows for one property."""

    ADD = "ADD"
    ADD_REPLACE = "ADD_REPLACE"
    DELETE = "DELETE"
    DELETE_REPLACE = "DELETE_REPLACE"
    UPDATE = "UPDATE"
    UPDATE_REPLACE = "UPDATE_REPLACE"


@dataclass(frozen=True)
class Diff:
    """What an edit means. `changes` None lets the engine compare old and new inputs itself; `replaces` are property names
    that force a replacement; `detailed` is property path -> Change (empty: the engine works it out)."""

    changes: bool | None = None
    replaces: Sequence[str] = ()
    detailed: Mapping[str, Change] = field(default_factory=dict)
    delete_before_replace: bool = False


class Log(Protocol):
    async def __call__(self, text: str, severity: Severity = "info", *, ephemeral: bool = True) -> None: ...


@dataclass(frozen=True)
class Step:
    """One request of the engine. `timeout`: seconds of the program's custom timeout, 0 without one; `ignored`: property paths
    of ignore_changes; `log` shows a line under the resource (await it: lines keep their order; ephemeral ones leave no trace)."""

    urn: str
    log: Log
    preview: bool = False
    timeout: float = 0
    ignored: Sequence[str] = ()

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]


class Resource:
    """One resource type. Everything but create has a sensible default: an in-place update that is refused, a delete and a
    read that do nothing."""

    async def check(self, step: Step, olds: Properties, news: Properties) -> Properties:
        """The inputs to record, defaults filled in. Runs in previews too: values may be unknown."""
        return news

    def diff(self, step: Step, old: State, news: Properties) -> Diff:
        return Diff()

    async def create(self, step: Step, inputs: Properties) -> State:
        raise NotImplementedError

    async def update(self, step: Step, old: State, inputs: Properties) -> Properties:
        """The new outputs."""
        raise Failure(f"{step.name}: the rehearsal's stand-in cannot change this resource in place")

    async def delete(self, step: Step, old: State) -> None:
        return None

    async def read(self, step: Step, old: State) -> State | None:
        """The resource as it is now (refresh, import), None when it is gone. In an import only the id is filled in."""
        return old


Function = Callable[[Properties], Awaitable[Properties]]


async def _accept(config: Properties) -> None:
    return None


async def _nothing() -> None:
    return None


@dataclass(frozen=True)
class Provider:
    """A plug-in: `resources` and `functions` by type token; `configure` gets the provider's configuration (wire JSON) once;
    `cancel` hears of an interrupted run (steps under way should end soon, but must still give their result)."""

    name: str
    version: str
    resources: Mapping[str, Resource]
    functions: Mapping[str, Function] = field(default_factory=dict)
    configure: Callable[[Properties], Awaitable[None]] = _accept
    cancel: Callable[[], Awaitable[None]] = _nothing
