"""`make do`: what it runs on the machine, and what it says when no answer came."""

import shlex

import pytest

from commands import do
from components.remote.ssh import Target

ABSIS = Target("absis", "192.0.2.1", 22, "root", "ssh-ed25519 AAAA")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The words of each command that a machine was asked to run; it answers with status 0."""
    found: list[list[str]] = []

    def interact(target: Target, command: str) -> int:
        assert target == ABSIS
        found.append(shlex.split(command))
        return 0

    monkeypatch.setattr(do, "target", lambda stack, machine: ABSIS)
    monkeypatch.setattr(do, "interact", interact)
    return found


@pytest.mark.parametrize("act", ["backup/verify 100", "backup/restore-folder latest '/home/ann/my letters' /root", "mesh/status"])
def test_what_a_person_asks_has_no_deadline(asked: list[list[str]], act: str) -> None:
    assert do.main("dev", "absis", act) == 0
    assert asked == [["/usr/local/lib/homelab/remote/run", "--deadline", "0", *shlex.split(act)]]


@pytest.mark.parametrize("act", ["backup/now", "backup/restore-system absis-2026-01-31T02:30:00"])
def test_what_only_follows_a_unit_waits_for_no_other_that_does(asked: list[list[str]], act: str) -> None:
    for _ in range(2):
        do.main("dev", "absis", act)
    first, second = ([words[3], words[5:]] for words in asked)
    assert first == second == ["--apart", act.split()] and asked[0][4] != asked[1][4]


@pytest.mark.parametrize("end", [255, KeyboardInterrupt])
@pytest.mark.parametrize(
    ("act", "said"), [("backup/restore-system x", "the same command follows it again"), ("backup/verify", "until it is done")]
)
def test_without_an_answer_it_is_told_that_the_script_may_go_on(
    asked: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    end: int | type[BaseException],
    act: str,
    said: str,
) -> None:
    def interact(target: Target, command: str) -> int:
        if isinstance(end, int):
            return end
        raise end

    monkeypatch.setattr(do, "interact", interact)
    assert do.main("dev", "absis", act) in (130, 255)
    assert said in capsys.readouterr().err


def test_an_unknown_script_is_told_with_those_that_there_are(asked: list[list[str]]) -> None:
    with pytest.raises(SystemExit, match="backup/restore-system"):
        do.main("dev", "absis", "backup/nonsense")
    assert asked == []
