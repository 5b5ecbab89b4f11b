"""Which script an edit runs, and what is refused; without an engine."""

import asyncio
from typing import Any

import pytest

from rehearsal.plugins import wire
from rehearsal.plugins.command.lifecycle import Command, Script
from rehearsal.plugins.command.local import LocalCommand
from rehearsal.plugins.command.output import Capture
from rehearsal.plugins.command.remote import RemoteCommand
from rehearsal.plugins.resource import Failure, Refused, Severity, State, Step

OLD = State("c1", {}, {"create": "create", "delete": "delete", "stdout": "before", "stderr": ""})


async def _log(text: str, severity: Severity = "info", *, ephemeral: bool = True) -> None:
    return None


STEP = Step("urn::c", _log)


class Noting(Command):
    """Notes the scripts instead of running them."""

    def __init__(self) -> None:
        super().__init__(asyncio.Event())
        self.ran: list[Script] = []

    async def run(self, script: Script, capture: Capture, step: Step) -> None:
        self.ran.append(script)
        capture.feed("stdout", b"after\n")


def updated(**inputs: Any) -> tuple[list[str], wire.Properties]:
    command = Noting()
    outputs = asyncio.run(command.update(STEP, OLD, inputs))
    return [script.text for script in command.ran], outputs


def test_an_update_runs_update_else_create_else_nothing() -> None:
    assert updated(create="create", update="update")[0] == ["update"]
    assert updated(create="create")[0] == ["create"]
    ran, outputs = updated(delete="delete")
    assert ran == []
    assert outputs["stdout"] == "before"


def test_the_previous_output_is_given_unless_it_is_declined() -> None:
    command = Noting()
    asyncio.run(command.update(STEP, OLD, {"create": "x"}))
    asyncio.run(command.update(STEP, OLD, {"create": "x", "addPreviousOutputInEnv": False}))
    assert [dict(script.previous) for script in command.ran] == [{"PULUMI_COMMAND_STDOUT": "before"}, {}]


def test_a_delete_runs_the_text_of_the_state() -> None:
    command = Noting()
    asyncio.run(command.delete(STEP, OLD))
    assert [script.text for script in command.ran] == ["delete"]


def test_a_preview_runs_nothing_and_its_outputs_are_unknown() -> None:
    command, preview = Noting(), Step("urn::c", _log, preview=True)
    made = asyncio.run(command.create(preview, {"create": "x"}))
    changed = asyncio.run(command.update(preview, OLD, {"create": "x"}))
    assert command.ran == []
    assert made.outputs["stdout"] == changed["stderr"] == wire.UNKNOWN


@pytest.mark.parametrize(
    ("before", "after", "replaces"), [(None, ["a"], ["triggers"]), (["a"], None, ["triggers"]), (["a"], ["b"], []), (None, None, [])]
)
def test_only_triggers_that_come_or_go_as_a_whole_need_a_replacement_of_its_own(before: Any, after: Any, replaces: list[str]) -> None:
    old = State("c", {"triggers": before}, {})
    assert list(Noting().diff(STEP, old, {"triggers": after}).replaces) == replaces


@pytest.mark.parametrize(
    ("kind", "inputs", "path"),
    [
        (LocalCommand, {"assetPaths": ["*"]}, "assetPaths"),
        (LocalCommand, {"archivePaths": ["*"]}, "archivePaths"),
        (LocalCommand, {"logging": "loud"}, "logging"),
        (RemoteCommand, {"connection": {"host": "h"}, "environment": {"A": "b"}}, "environment"),
        (RemoteCommand, {"connection": {"host": "h", "proxy": {"host": "j"}}}, "connection.proxy"),
        (RemoteCommand, {"connection": {"user": "u"}}, "connection.host"),
        (RemoteCommand, {}, "connection"),
    ],
)
def test_what_the_stand_in_does_not_do_is_refused_by_name(kind: type[Command], inputs: wire.Properties, path: str) -> None:
    with pytest.raises(Refused) as caught:
        asyncio.run(kind(asyncio.Event()).check(STEP, {}, inputs))
    assert [failed for failed, _ in caught.value.failures] == [path]


def local(**inputs: Any) -> State:
    return asyncio.run(LocalCommand(asyncio.Event()).create(STEP, inputs))


def test_a_local_command_has_its_interpreter_folder_environment_and_input(tmp_path: Any) -> None:
    script = {"create": 'printf "%s %s %s" "$PWD" "$WORD" "$(cat)"', "interpreter": ["/bin/bash", "-c"]}
    made = local(**script, dir=str(tmp_path), environment={"WORD": wire.secret("w")}, stdin="in", logging="none")
    assert made.outputs["stdout"] == f"{tmp_path} w in"


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"create": "echo o; exit 3"}, 'exit status 3: running "echo o; exit 3":\no\n'),
        ({"create": "kill -KILL $$"}, 'signal: killed: running "kill -KILL $$":\n'),
        ({"create": "true", "interpreter": ["/no/such"]}, "fork/exec /no/such: no such file or directory"),
        ({"create": "true", "dir": "/no/such"}, "chdir /no/such: no such file or directory"),
    ],
)
def test_a_local_failure_has_the_official_words(inputs: wire.Properties, text: str) -> None:
    with pytest.raises(Failure) as caught:
        local(**inputs, logging="none")
    assert str(caught.value) == text
