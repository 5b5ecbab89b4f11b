"""Before Helm is asked: whom the hook asks, and what it makes of the answer."""

import asyncio
from subprocess import CompletedProcess
from typing import Any

import pulumi
import pytest

from components.kubernetes.cluster import Cluster
from components.releases import repair
from components.remote.ssh import Target
from tests.graph import Graph, stack_graph

INPUTS = {"namespace": "applications", "name": "plex", "timeout": 180.0}


def done(code: int, out: str = "", err: str = "") -> CompletedProcess[str]:
    return CompletedProcess([], code, out, err)


def target(name: str) -> Target:
    return Target(name, "192.0.2.1", 22, "root", "ssh-ed25519 AAAA")


def test_the_script_may_wait_as_long_as_helm_and_not_be_cut_off_meanwhile() -> None:
    line, deadline = repair.command("update", INPUTS)
    assert line.endswith("remote/run --deadline 240 releases/repair update applications plex 180") and deadline == 240


@pytest.mark.parametrize("inputs", [{"namespace": "a", "name": "b; reboot"}, {"namespace": "$(reboot)", "name": "b"}])
def test_a_name_is_an_argument_whatever_it_holds(inputs: dict[str, str]) -> None:
    line, _ = repair.command("create", inputs)
    assert "'b; reboot'" in line or "'$(reboot)'" in line


def test_machines_are_asked_until_one_answers() -> None:
    answers = {"leviathan": done(255), "absis": done(0, "said\n"), "third": done(0, "never asked")}
    asked: list[str] = []

    def ask(one: Target, line: str, deadline: float) -> CompletedProcess[str]:
        asked.append(one.name)
        return answers[one.name]

    ended = asyncio.run(repair.asked([target(name) for name in answers], "line", 1, ask))
    assert asked == ["leviathan", "absis"] and repair.verdict("a/b", ended) == ("info", "said")


def test_nothing_to_do_is_not_worth_a_word() -> None:
    assert repair.verdict("a/b", [("leviathan", done(0))])[1] == ""


def test_a_machine_that_could_not_look_is_named_with_its_reason() -> None:
    level, text = repair.verdict("a/b", [("leviathan", done(1, "", "kubectl get: no\nUnable to connect"))])
    assert level == "warn" and "a/b: leviathan could not see" in text and "Unable to connect" in text


def test_when_none_answers_the_run_goes_on_and_says_what_is_not_known() -> None:
    level, text = repair.verdict("a/b", [("leviathan", done(255)), ("absis", done(124))])
    assert level == "warn" and "none of leviathan, absis answers" in text


def test_the_hook_asks_own_control_plane_machines_and_hands_their_words_on(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    said: list[str] = []

    def ask(one: Target, line: str, *, deadline: float) -> CompletedProcess[str]:
        asked.append((one.name, line))
        return done(0, "revision 2 is current again\n")

    monkeypatch.setattr(repair, "run", ask)
    monkeypatch.setattr(pulumi.log, "info", said.append)
    about = pulumi.ResourceHookArgs("urn", "", "releases-app-plex", "", new_inputs=INPUTS)

    def program() -> None:
        known = {name: target(name).document() for name in ("leviathan", "absis", "nimbus")}
        nothing = pulumi.Output.from_input("")
        cluster = Cluster(nothing, pulumi.ComponentResource("a:b:C", "c"), ["absis", "leviathan"], pulumi.Output.from_input(known))
        made = repair.hook("repair", "update", cluster)
        pulumi.Output.from_input(made.callback(about)).apply(lambda _: None)

    run(program)
    assert [name for name, _ in asked] == ["absis"] and "releases/repair update applications plex 180" in asked[0][1]
    assert said == ["revision 2 is current again"]


@pytest.fixture(params=["dev", "home"])
def graph(request: pytest.FixtureRequest) -> Graph:
    return stack_graph(request.param)


def test_every_release_is_looked_at_before_it_is_created_and_before_it_is_changed(graph: Graph) -> None:
    releases = graph.all("kubernetes:helm.sh/v3:Release")
    assert releases
    for name, node in releases.items():
        hooks = node.request.hooks
        assert ([*hooks.before_create], [*hooks.before_update]) == (["releases-repair-create"], ["releases-repair-update"]), name
