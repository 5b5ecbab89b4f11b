"""What the make targets hand on: the state of `make up` for the dev stack, the operator's own environment for every other."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from config.document import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile and a Python that says its backend and its arguments."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "uv.lock", "requirements.lock"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$PULUMI_BACKEND_URL: $*"\n')
    python.chmod(0o755)
    (tmp_path / ".venv" / "ready").touch()
    return tmp_path


def rehearsed(checkout: Path) -> None:
    (checkout / ".rehearsal").mkdir()
    (checkout / ".rehearsal" / "env").write_text("export PULUMI_BACKEND_URL='file:///of the/rehearsal'\n")


def make(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    own = {"PATH": os.environ["PATH"], "PULUMI_BACKEND_URL": "file:///mine"}
    return subprocess.run(["make", "--no-print-directory", *words], cwd=checkout, env=own, capture_output=True, text=True)


TARGETS = {
    ("do", "M=oak", "DO=mesh/status --all"): "commands.do dev oak mesh/status --all",
    ("forget", "MACHINE=oak"): "commands.forget dev oak",
}


@pytest.mark.parametrize("words", TARGETS)
def test_do_and_forget_act_on_the_state_of_make_up(checkout: Path, words: tuple[str, ...]) -> None:
    rehearsed(checkout)
    assert make(checkout, *words).stdout == f"file:///of the/rehearsal: -m {TARGETS[words]}\n"


@pytest.mark.parametrize("words", TARGETS)
def test_do_and_forget_before_the_first_make_up_say_so(checkout: Path, words: tuple[str, ...]) -> None:
    run = make(checkout, *words)
    assert run.returncode != 0 and run.stdout == ""
    assert "there is no rehearsal: run `make up` first" in run.stderr


@pytest.mark.parametrize("words", TARGETS)
def test_do_and_forget_on_a_stack_of_the_operator_s_keep_the_operator_s_environment(checkout: Path, words: tuple[str, ...]) -> None:
    rehearsed(checkout)
    assert make(checkout, *words, "STACK=mylab").stdout == f"file:///mine: -m {TARGETS[words].replace('dev', 'mylab')}\n"


def test_init_passes_options_on(checkout: Path) -> None:
    assert make(checkout, "init", "STACK=mylab", "ARGS=--cli").stdout == "file:///mine: -m commands.init mylab --cli\n"
    assert make(checkout, "init", "STACK=mylab").stdout == "file:///mine: -m commands.init mylab\n"


def test_help_lists_every_target_of_the_operator(checkout: Path) -> None:
    shown = make(checkout, "help").stdout
    phony = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY:"))
    assert all(f"make {name} " in shown for name in phony.split()[1:])
