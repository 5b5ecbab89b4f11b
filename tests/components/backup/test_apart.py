"""What runs in a unit of its own and is followed. `systemd-run` is a stand-in that puts its command into a session of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from rehearsal.machines.shell import wait_until
from tests.components.backup.conftest import SCRIPTS
from tests.components.backup.house import SYSTEMD_RUN

ACT = f"""
import os, sys, time
sys.path[:0] = [{str(SCRIPTS)!r}, {str(SCRIPTS.parents[1] / "remote/scripts")!r}]
from pathlib import Path
from apart import Apart
from toolkit import Problem, guarded, say
here = Path(__file__).parent

def act():
    (here / "pid").write_text(str(os.getpid()))
    say("begins")
    while not (here / "go").exists():
        time.sleep(0.05)
    say("last words")
    (here / "times").open("a").write("x")
    if "bad" in sys.argv:
        raise Problem("it is bad")
    if "worse" in sys.argv:
        raise OSError("the disk is gone")
    return 7 if "seven" in sys.argv else None

def main():
    apart = Apart("test", here / "run")
    if "--here" in sys.argv:
        return apart.here(act)
    apart.begin([sys.executable, __file__, "--here", *sys.argv[1:]])
    return apart.follow()

guarded(main)
"""


@dataclass
class Follower:
    process: subprocess.Popen[bytes]
    log: Path

    def says(self, what: str) -> None:
        """Wait for it."""
        wait_until(lambda: what in self.log.read_text(), 30, lambda: f"it does not say {what!r}: {self.log.read_text()}")

    def end(self) -> tuple[int, str]:
        return self.process.wait(timeout=30), self.log.read_text()


Start = Callable[..., Follower]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    (tmp_path / "act").write_text(ACT)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/systemd-run").write_text(SYSTEMD_RUN)
    (tmp_path / "bin/systemd-run").chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    logs = (tmp_path / f"said-{number}" for number in count())

    # Who runs in the background of a shell without a terminal has these ignored, and hands that on.
    heard, begun = ("env", "--default-signal=INT,HUP"), list[Follower]()

    def start(*words: str) -> Follower:
        log = next(logs)
        with log.open("w") as said:
            begun.append(Follower(subprocess.Popen([*heard, sys.executable, tmp_path / "act", *words], env=env, stderr=said), log))
        return begun[-1]

    yield start
    (tmp_path / "go").touch()
    for one in begun:
        one.process.kill()
        one.process.wait()


@pytest.mark.parametrize(
    ("word", "status", "said"),
    [("good", 0, "last words"), ("seven", 7, "last words"), ("bad", 1, "it is bad"), ("worse", 1, "the disk is gone")],
)
def test_exit_status_and_last_words_reach_who_asked(start: Start, tmp_path: Path, word: str, status: int, said: str) -> None:
    (tmp_path / "go").touch()
    found = start(word).end()
    assert found[0] == status and said in found[1] and found[1].count("begins") == 1


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGHUP])
def test_it_outlives_who_asked_and_the_same_words_follow_it_again(start: Start, tmp_path: Path, how: signal.Signals) -> None:
    first = start("seven")
    first.says("begins")
    first.process.send_signal(how)
    first.end()
    again = start("seven")
    again.says("goes on since")
    other = start("good").end()
    assert other[0] == 1 and "another test goes on" in other[1]
    (tmp_path / "go").touch()
    status, said = again.end()
    assert status == 7 and "begins" in said and "last words" in said and (tmp_path / "times").read_text() == "x"


def test_one_that_is_ended_from_outside_is_no_success_and_may_begin_anew(start: Start, tmp_path: Path) -> None:
    first = start("good")
    first.says("begins")
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    status, said = first.end()
    assert status == 1 and "test was ended from outside" in said
    (tmp_path / "go").touch()
    assert start("good").end()[0] == 0


def test_an_end_that_nobody_has_heard_is_told_to_who_comes_back_and_only_once(start: Start, tmp_path: Path) -> None:
    first = start("seven")
    first.says("begins")
    first.process.kill()
    first.end()
    (tmp_path / "go").touch()
    wait_until((tmp_path / "run/homelab-test/ended.json").exists, 20, lambda: "it does not end")
    status, said = start("seven").end()
    assert status == 7 and "last words" in said and (tmp_path / "times").read_text() == "x"
    assert start("seven").end()[0] == 7 and (tmp_path / "times").read_text() == "xx"
