"""Serves a stand-in (see resource.py for what one looks like) to the engine over gRPC, the way an official plug-in does.

A plug-in's `__main__.py` is one line: `serve(Provider(...))`. The engine starts it as `pulumi-resource-NAME ENGINE_ADDRESS`, reads
the port from the first line of stdout, and ends it with SIGINT. When the engine is gone without a word, the plug-in goes too.
Nothing may be printed to stdout; use `step.log`.
"""

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

import grpc  # type: ignore[import-untyped]  # no stubs in the lock
import grpc.aio  # type: ignore[import-untyped]
from google.protobuf import any_pb2, empty_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from rehearsal.plugins import wire
from rehearsal.plugins.resource import Diff, Failure, Partial, Provider, Refused, Resource, Severity, State, Step

MESSAGE_LIMIT = 400 * 1024 * 1024  # the engine's own
CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    ("grpc.enable_http_proxy", 0),  # grpc would send even 127.0.0.1 through a proxy named in lower case
]
PARENT_CHECK = 1.0  # seconds


LEVELS = {"debug": engine_pb2.DEBUG, "info": engine_pb2.INFO, "warning": engine_pb2.WARNING, "error": engine_pb2.ERROR}
CHANGES = {
    None: provider_pb2.DiffResponse.DIFF_UNKNOWN,
    True: provider_pb2.DiffResponse.DIFF_SOME,
    False: provider_pb2.DiffResponse.DIFF_NONE,
}


class Journal:
    """The engine's log. A line that cannot be delivered is dropped: the step matters more."""

    def __init__(self, channel: Any) -> None:
        self._engine: Any = engine_pb2_grpc.EngineStub(channel)

    async def write(self, urn: str, text: str, severity: Severity, ephemeral: bool) -> None:
        request = engine_pb2.LogRequest(severity=LEVELS[severity], message=text, urn=urn, ephemeral=ephemeral)
        with suppress(grpc.aio.AioRpcError):
            await self._engine.Log(request)

    def step(self, urn: str, preview: bool = False, timeout: float = 0, ignored: Sequence[str] = ()) -> Step:
        async def log(text: str, severity: Severity = "info", *, ephemeral: bool = True) -> None:
            await self.write(urn, text, severity, ephemeral)

        return Step(urn, log, preview, timeout, tuple(ignored))


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """One Provider as the engine's ResourceProvider service."""

    def __init__(self, provider: Provider, journal: Journal) -> None:
        self._provider = provider
        self._journal = journal

    async def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self._provider.version)

    async def CheckConfig(self, request: Any, context: Any) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    async def DiffConfig(self, request: Any, context: Any) -> provider_pb2.DiffResponse:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_UNKNOWN)

    async def Configure(self, request: Any, context: Any) -> provider_pb2.ConfigureResponse:
        async with _answering(context):
            await self._provider.configure({k: v for k, v in wire.read(request.args).items() if k != "version"})
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=False, acceptOutputs=False)

    async def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:
        await self._provider.cancel()
        return empty_pb2.Empty()

    async def Invoke(self, request: Any, context: Any) -> provider_pb2.InvokeResponse:
        response = provider_pb2.InvokeResponse()
        async with _answering(context):
            function = self._provider.functions.get(request.tok)
            if function is None:
                raise Failure(f"the rehearsal's {self._provider.name} stand-in has no function {request.tok}")
            try:
                getattr(response, "return").CopyFrom(wire.write(await function(wire.read(request.args))))
            except Refused as refused:
                response.failures.extend(_check_failures(refused))
        return response

    async def Check(self, request: Any, context: Any) -> provider_pb2.CheckResponse:
        async with _answering(context):
            resource, step = self._resource(request.urn), self._journal.step(request.urn)
            try:
                inputs = await resource.check(step, wire.read(request.olds), wire.read(request.news))
            except Refused as refused:
                return provider_pb2.CheckResponse(failures=_check_failures(refused))
            return provider_pb2.CheckResponse(inputs=wire.write(inputs))

    async def Diff(self, request: Any, context: Any) -> provider_pb2.DiffResponse:
        async with _answering(context):
            old = State(request.id, wire.read(request.old_inputs), wire.read(request.olds))
            step = self._journal.step(request.urn, ignored=request.ignoreChanges)
            return _diff_response(self._resource(request.urn).diff(step, old, wire.read(request.news)))

    async def Create(self, request: Any, context: Any) -> provider_pb2.CreateResponse:
        async with _answering(context):
            step = self._journal.step(request.urn, request.preview, request.timeout)
            state = await self._resource(request.urn).create(step, wire.read(request.properties))
            return provider_pb2.CreateResponse(id=state.id, properties=wire.write(state.outputs))

    async def Update(self, request: Any, context: Any) -> provider_pb2.UpdateResponse:
        async with _answering(context):
            step = self._journal.step(request.urn, request.preview, request.timeout, request.ignoreChanges)
            old = State(request.id, wire.read(request.old_inputs), wire.read(request.olds))
            outputs = await self._resource(request.urn).update(step, old, wire.read(request.news))
            return provider_pb2.UpdateResponse(properties=wire.write(outputs))

    async def Delete(self, request: Any, context: Any) -> empty_pb2.Empty:
        async with _answering(context):
            old = State(request.id, wire.read(request.old_inputs), wire.read(request.properties))
            await self._resource(request.urn).delete(self._journal.step(request.urn, timeout=request.timeout), old)
        return empty_pb2.Empty()

    async def Read(self, request: Any, context: Any) -> provider_pb2.ReadResponse:
        async with _answering(context):
            old = State(request.id, wire.read(request.inputs), wire.read(request.properties))
            now = await self._resource(request.urn).read(self._journal.step(request.urn), old)
            if now is None:
                return provider_pb2.ReadResponse(id="")
            return provider_pb2.ReadResponse(id=now.id, inputs=wire.write(now.inputs), properties=wire.write(now.outputs))

    def _resource(self, urn: str) -> Resource:
        token = urn.split("::")[2].rpartition("$")[2]
        if token not in self._provider.resources:
            raise Failure(f"the rehearsal's {self._provider.name} stand-in does not do {token}")
        return self._provider.resources[token]


class _answering:
    """Turns an exception into the engine's kind of error."""

    def __init__(self, context: Any) -> None:
        self._context = context

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, asyncio.CancelledError | grpc.aio.AbortError):
            return
        if isinstance(error, Partial):
            await self._abort(str(error), _partial(error))
        if isinstance(error, Failure | Refused):
            await self._abort(str(error))
        where = "".join(traceback.format_tb(trace))
        await self._abort(f"the stand-in itself is at fault: {type(error).__name__}: {error}\n{where}")

    async def _abort(self, text: str, metadata: tuple[tuple[str, bytes], ...] = ()) -> NoReturn:
        await self._context.abort(grpc.StatusCode.UNKNOWN, text, metadata)
        raise AssertionError("abort always raises")


def _partial(error: Partial) -> tuple[tuple[str, bytes], ...]:
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.state.id,
        properties=wire.write(error.state.outputs),
        inputs=wire.write(error.state.inputs),
        reasons=[str(error)],
    )
    packed = any_pb2.Any()
    packed.Pack(detail)
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error), details=[packed])
    return (("grpc-status-details-bin", status.SerializeToString()),)


def _check_failures(refused: Refused) -> list[provider_pb2.CheckFailure]:
    return [provider_pb2.CheckFailure(property=path, reason=reason) for path, reason in refused.failures]


def _diff_response(diff: Diff) -> provider_pb2.DiffResponse:
    detailed = {
        path: provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.Kind.Value(change.value)) for path, change in diff.detailed.items()
    }
    return provider_pb2.DiffResponse(
        changes=CHANGES[diff.changes],
        replaces=list(diff.replaces),
        deleteBeforeReplace=diff.delete_before_replace,
        detailedDiff=detailed,
        hasDetailedDiff=bool(detailed),
        diffs=sorted({path.partition(".")[0].partition("[")[0] for path in detailed}),
    )


async def _parent_gone(parent: int) -> None:
    """Returns once the engine that started this process is no more (a killed one sends no signal)."""
    while os.getppid() == parent:
        await asyncio.sleep(PARENT_CHECK)


async def _serve(provider: Provider, engine: str) -> None:
    asked, parent = asyncio.Event(), os.getppid()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    async with grpc.aio.insecure_channel(engine, options=CHANNEL_OPTIONS) as channel:
        server = grpc.aio.server(options=CHANNEL_OPTIONS)
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(provider, Journal(channel)), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        ends = [asyncio.create_task(asked.wait()), asyncio.create_task(_parent_gone(parent))]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in ends:
            task.cancel()
        await server.stop(grace=None)


def serve(provider: Provider) -> None:
    """Serves until the engine ends it. Takes the engine's address from the command line, past its logging flags."""
    addresses = [argument for argument in sys.argv[1:] if not argument.startswith("-") and ":" in argument]
    if not addresses:
        sys.exit(f"pulumi-resource-{provider.name} is started by the Pulumi engine, it does nothing by itself.")
    asyncio.run(_serve(provider, addresses[0]))
