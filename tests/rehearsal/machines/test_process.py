import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.machines import process
from rehearsal.machines.process import Process


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen((sys.executable, "-c", "import signal; signal.pause()")) as running:
        yield running
        running.kill()


def test_a_remembered_process_is_found_again(child: subprocess.Popen[bytes], tmp_path: Path) -> None:
    found = process.of(child.pid)
    assert found is not None
    process.write(tmp_path / "pid", found)
    assert process.read(tmp_path / "pid") == found


def test_a_pid_that_another_process_has_now_is_not_taken_for_ours(tmp_path: Path) -> None:
    process.write(tmp_path / "pid", Process(os.getpid(), started=1))
    assert process.read(tmp_path / "pid") is None


def test_a_signal_never_hits_a_stranger_with_a_recycled_pid(child: subprocess.Popen[bytes]) -> None:
    assert process.end(Process(child.pid, started=1), signal.SIGKILL, deadline=0)
    assert child.poll() is None


def test_an_ended_process_counts_as_gone_before_anyone_waits_for_it(child: subprocess.Popen[bytes]) -> None:
    found = process.of(child.pid)
    assert found is not None
    assert process.end(found, signal.SIGKILL, deadline=10)
    assert not process.alive(found)


@pytest.mark.parametrize("text", ["", "12", "12 x\n"])
def test_a_half_written_record_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text)
    assert process.read(tmp_path / "pid") is None
