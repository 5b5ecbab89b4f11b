"""Before Helm is asked and after it has failed: whom the hooks ask, and what they make of the answer."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from subprocess import CompletedProcess
from typing import Any

import pulumi
import pytest

from components.kubernetes.cluster import Cluster
from components.releases import hooks
from components.remote.ssh import Target
from tests.graph import Graph, stack_graph

INPUTS = {"namespace": "applications", "name": "plex", "timeout": 180.0}


def done(code: int, out: str = "", err: str = "") -> CompletedProcess[str]:
    return CompletedProcess([], code, out, err)


def target(name: str) -> Target:
    return Target(name, "192.0.2.1", 22, "root", "ssh-ed25519 AAAA")


def test_the_script_may_wait_as_long_as_helm_and_not_be_cut_off_meanwhile() -> None:
    line, deadline = hooks.repairing("update", INPUTS)
    assert line.endswith("remote/run --deadline 240 --apart applications/plex releases/repair update applications plex 180")
    assert deadline == 240


@pytest.mark.parametrize("inputs", [{"namespace": "a", "name": "b; reboot"}, {"namespace": "$(reboot)", "name": "b"}])
def test_a_name_is_an_argument_whatever_it_holds(inputs: dict[str, str]) -> None:
    line, _ = hooks.repairing("create", inputs)
    assert "'b; reboot'" in line or "'$(reboot)'" in line


def test_machines_are_asked_until_one_answers() -> None:
    answers = {"leviathan": done(255), "absis": done(0, "said\n"), "third": done(0, "never asked")}
    asked: list[str] = []

    def ask(one: Target, line: str, deadline: float) -> CompletedProcess[str]:
        asked.append(one.name)
        return answers[one.name]

    ended = asyncio.run(hooks.asked([target(name) for name in answers], "line", 1, ask))
    assert asked == ["leviathan", "absis"] and hooks.verdict("a/b", ended) == ("info", "said")


def test_a_hook_is_answered_while_every_thread_of_the_event_loop_waits_for_it() -> None:
    """As with `--parallel 1`: each of those threads waits until a release is registered, and that waits for its hook."""
    let_go = threading.Event()

    async def answered() -> hooks.Ended:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        waits = loop.run_in_executor(None, let_go.wait)
        try:
            return await asyncio.wait_for(hooks.asked([target("absis")], "line", 1, lambda *_, **__: done(0, "said")), 20)
        finally:
            let_go.set()
            await waits

    assert [machine for machine, _ in asyncio.run(answered())] == ["absis"]


def test_a_release_does_not_wait_for_the_repair_of_another() -> None:
    other = {**INPUTS, "name": "notes"}
    assert "--apart applications/notes" in hooks.repairing("create", other)[0]
    assert "--apart applications/plex" in hooks.asking(INPUTS, [])[0]


def test_who_else_is_called_like_a_release_that_failed_is_told_to_who_looks_for_the_reason() -> None:
    names = ["applications/plex", "applications/plex-two", "applications/plexus", "applications/notes", "other/plex-three"]
    assert hooks.asking(INPUTS, names)[0].endswith("releases/why applications plex 420 plex-two")


def test_nothing_to_do_is_not_worth_a_word() -> None:
    assert hooks.verdict("a/b", [("leviathan", done(0))])[1] == ""


def test_a_machine_that_could_not_look_is_named_with_its_reason() -> None:
    level, text = hooks.verdict("a/b", [("leviathan", done(1, "", "kubectl get: no\nUnable to connect"))])
    assert level == "warn" and "a/b: leviathan could not see" in text and "Unable to connect" in text


def test_when_none_answers_the_run_goes_on_and_says_what_is_not_known() -> None:
    level, text = hooks.verdict("a/b", [("leviathan", done(255)), ("absis", done(124))])
    assert level == "warn" and "none of leviathan, absis answers" in text


def test_the_hook_asks_own_control_plane_machines_and_hands_their_words_on(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    said: list[str] = []

    def ask(one: Target, line: str, *, deadline: float) -> CompletedProcess[str]:
        asked.append((one.name, line))
        return done(0, "revision 2 is current again\n")

    monkeypatch.setattr(hooks, "run", ask)
    monkeypatch.setattr(pulumi.log, "info", said.append)
    about = pulumi.ResourceHookArgs("urn", "", "releases-app-plex", "", new_inputs=INPUTS)

    def program() -> None:
        known = {name: target(name).document() for name in ("leviathan", "absis", "nimbus")}
        nothing = pulumi.Output.from_input("")
        cluster = Cluster(nothing, pulumi.ComponentResource("a:b:C", "c"), ["absis", "leviathan"], pulumi.Output.from_input(known))
        made = hooks.before("repair", "update", cluster)
        pulumi.Output.from_input(made.callback(about)).apply(lambda _: None)

    run(program)
    assert [name for name, _ in asked] == ["absis"] and "releases/repair update applications plex 180" in asked[0][1]
    assert said == ["revision 2 is current again"]


@pytest.fixture(params=["dev", "home"])
def graph(request: pytest.FixtureRequest) -> Graph:
    return stack_graph(request.param)


def test_a_failure_is_explained_by_what_the_cluster_said_and_never_tried_again(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    said: list[str] = []
    ended: list[bool] = []

    def ask(one: Target, line: str, *, deadline: float) -> CompletedProcess[str]:
        asked.append(line)
        return done(0, "  Pod plex-1: Failed: no such image\n")

    monkeypatch.setattr(hooks, "run", ask)
    monkeypatch.setattr(pulumi.log, "error", said.append)
    about = pulumi.ErrorHookArgs("urn", "", "releases-app-plex", "", new_inputs=INPUTS, failed_operation="update", errors=["timed out"])

    def program() -> None:
        nothing = pulumi.Output.from_input("")
        known = pulumi.Output.from_input({"absis": target("absis").document()})
        cluster = Cluster(nothing, pulumi.ComponentResource("a:b:C", "c"), ["absis"], known)
        pulumi.Output.from_input(hooks.failed("why", cluster, ["applications/plex"]).callback(about)).apply(ended.append)

    run(program)
    assert asked[0].endswith("releases/why applications plex 420") and ended == [False]
    assert said == ["applications/plex did not get well. What the cluster said of it meanwhile:\n  Pod plex-1: Failed: no such image"]


def test_of_a_failure_that_nobody_can_explain_nothing_is_made_up() -> None:
    assert (
        hooks.reasons("a/b", [("leviathan", done(255)), ("absis", done(1, "", "no"))]) == "" == hooks.reasons("a/b", [("absis", done(0))])
    )


def test_every_release_is_looked_at_before_it_is_created_and_before_it_is_changed(graph: Graph) -> None:
    releases = graph.all("kubernetes:helm.sh/v3:Release")
    assert releases
    for name, node in releases.items():
        said = node.request.hooks
        assert ([*said.before_create], [*said.before_update]) == (["releases-repair-create"], ["releases-repair-update"]), name
        assert [*said.on_error] == ["releases-why"], name
