"""A served provider, spoken to as the engine speaks to it: in this process, and as a process of its own."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import any_pb2
from pulumi.runtime.proto import provider_pb2 as proto
from pulumi.runtime.proto import provider_pb2_grpc, status_pb2

from rehearsal.plugins import wire
from rehearsal.plugins.resource import Change, Diff, Failure, Partial, Provider, Refused, Resource, State, Step
from rehearsal.plugins.serve import Journal, Servicer

ROOT = Path(__file__).resolve().parents[3]
URN = "urn:pulumi:dev::p::a:b:Parent$shop:index/thing:Thing::name"


class Thing(Resource):
    """Does what its input `do` says."""

    async def check(self, step: Step, olds: wire.Properties, news: wire.Properties) -> wire.Properties:
        if "bad" in news:
            raise Refused(("bad", "it is bad"), ("worse.place", "it is worse"))
        return {"default": 1.0, **news}

    def diff(self, step: Step, old: State, news: wire.Properties) -> Diff:
        return Diff(True, ["do"], {"do": Change.UPDATE_REPLACE}, delete_before_replace=True)

    async def create(self, step: Step, inputs: wire.Properties) -> State:
        state = State("id-1", inputs, {**inputs, "name": step.name})
        match inputs.get("do"):
            case "fail":
                raise Failure("out of stock")
            case "half":
                raise Partial("made, but it does not answer", state)
            case "crash":
                raise KeyError("oops")
        return state

    async def read(self, step: Step, old: State) -> State | None:
        return None if old.id == "gone" else old


def ask(question: Callable[[Any], Awaitable[Any]]) -> Any:
    """Serves Thing in this process and asks it."""

    async def talk() -> Any:
        server = grpc.aio.server()
        port = server.add_insecure_port("127.0.0.1:0")
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            provider = Provider("shop", "1.0.0", {"shop:index/thing:Thing": Thing()})
            provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(provider, Journal(channel)), server)
            await server.start()
            try:
                return await question(provider_pb2_grpc.ResourceProviderStub(channel))
            finally:
                await server.stop(None)

    return asyncio.run(talk())


def create(**inputs: Any) -> Any:
    return ask(lambda stub: stub.Create(proto.CreateRequest(urn=URN, properties=wire.write(inputs))))


def test_a_resource_is_found_by_its_own_type_and_keeps_what_it_is_given() -> None:
    made = create(given=wire.secret("s"))
    assert made.id == "id-1"
    assert wire.read(made.properties) == {"given": wire.secret("s"), "name": "name"}


def test_a_failure_reaches_the_person_in_its_own_words() -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        create(do="fail")
    assert caught.value.details() == "out of stock"


def test_a_partial_failure_carries_the_state_to_record() -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        create(do="half")
    trailers = {key: value for key, value in caught.value.trailing_metadata()}
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    detail, packed = proto.ErrorResourceInitFailed(), any_pb2.Any()
    packed.CopyFrom(status.details[0])
    assert packed.Unpack(detail)
    assert (detail.id, list(detail.reasons)) == ("id-1", ["made, but it does not answer"])
    assert wire.read(detail.properties)["name"] == "name"


def test_a_fault_of_the_stand_in_says_that_it_is_one_and_where() -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        create(do="crash")
    assert "the stand-in itself is at fault: KeyError: 'oops'" in caught.value.details()
    assert "in create" in caught.value.details()


def test_a_type_it_does_not_do_is_refused_by_name() -> None:
    urn = URN.replace("Thing::", "Other::")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        ask(lambda stub: stub.Check(proto.CheckRequest(urn=urn)))
    assert caught.value.details() == "the rehearsal's shop stand-in does not do shop:index/thing:Other"


def test_check_reports_every_bad_property_and_fills_in_defaults() -> None:
    bad = ask(lambda stub: stub.Check(proto.CheckRequest(urn=URN, news=wire.write({"bad": 1}))))
    assert [(failure.property, failure.reason) for failure in bad.failures] == [("bad", "it is bad"), ("worse.place", "it is worse")]
    good = ask(lambda stub: stub.Check(proto.CheckRequest(urn=URN, news=wire.write({"a": "b"}))))
    assert wire.read(good.inputs) == {"default": 1.0, "a": "b"}


def test_a_diff_says_what_is_replaced_and_how() -> None:
    answer = ask(lambda stub: stub.Diff(proto.DiffRequest(urn=URN)))
    assert (answer.changes, list(answer.replaces), answer.deleteBeforeReplace) == (proto.DiffResponse.DIFF_SOME, ["do"], True)
    assert answer.detailedDiff["do"].kind == proto.PropertyDiff.UPDATE_REPLACE


def test_a_resource_that_is_gone_is_read_as_having_no_id() -> None:
    assert ask(lambda stub: stub.Read(proto.ReadRequest(urn=URN, id="gone"))).id == ""
    assert ask(lambda stub: stub.Read(proto.ReadRequest(urn=URN, id="here"))).id == "here"


def test_secrets_are_accepted_and_previews_supported() -> None:
    answer = ask(lambda stub: stub.Configure(proto.ConfigureRequest()))
    assert (answer.acceptSecrets, answer.supportsPreview, answer.acceptOutputs) == (True, True, False)


def _started(parent: list[str] | None = None) -> "subprocess.Popen[str]":
    line = [*(parent or []), sys.executable, "-m", "rehearsal.plugins.command", "127.0.0.1:1"]
    return subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_plug_in_names_its_port_and_ends_quietly_on_an_interrupt() -> None:
    with _started() as plugin:
        assert plugin.stdout is not None
        assert int(plugin.stdout.readline()) > 0
        plugin.send_signal(signal.SIGINT)
        rest, errors = plugin.communicate(timeout=20)
    assert (plugin.returncode, rest, errors) == (0, "", "")


def test_a_plug_in_ends_when_the_engine_that_started_it_is_killed() -> None:
    with _started(["sh", "-c", '"$@" & echo $!; wait', "sh"]) as engine:
        assert engine.stdout is not None
        plugin = int(engine.stdout.readline())
        assert int(engine.stdout.readline()) > 0
        ended = os.pidfd_open(plugin)
        try:
            assert not select.select([ended], [], [], 0)[0]
            engine.kill()
            assert select.select([ended], [], [], 20)[0], "the plug-in lives on"
        finally:
            os.close(ended)


def test_a_plug_in_started_by_hand_says_who_starts_it() -> None:
    run = subprocess.run([sys.executable, "-m", "rehearsal.plugins.command"], cwd=ROOT, capture_output=True, text=True, timeout=20)
    assert run.returncode == 1
    assert "is started by the Pulumi engine" in run.stderr
