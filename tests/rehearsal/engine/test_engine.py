"""The engine and its language host run whole programs."""

import signal
from pathlib import Path

import pytest

from tests.rehearsal.engine.stack import Stack, until

pytestmark = pytest.mark.engine


def test_an_empty_program_goes_up_previews_and_is_destroyed(stack: Stack) -> None:
    stack.up("import pulumi\npulumi.export('answer', 42)")
    assert '"answer": 42' in stack.pulumi("stack", "output", "--json").text
    assert stack.preview().steps == []
    stack.destroy()
    assert stack.pulumi("stack", "output", "--json").text.strip() == "{}"


def test_what_a_program_prints_is_shown_and_its_configuration_read(stack: Stack) -> None:
    assert stack.pulumi("config", "set", "word", "spoken").status == 0
    assert "it was spoken" in stack.up("import pulumi\nprint('it was', pulumi.Config().require('word'))").text


def test_a_programs_own_error_is_shown_without_a_traceback_and_any_other_with_it(stack: Stack) -> None:
    own = stack.up("import pulumi\nraise pulumi.RunError('the disk is claimed twice')", fails=True)
    assert "the disk is claimed twice" in own.text
    assert "Traceback" not in own.text
    other = stack.up("raise KeyError('oops')", fails=True)
    assert "Traceback" in other.text
    assert "KeyError: 'oops'" in other.text


def test_a_missing_virtual_environment_stops_the_run_with_its_remedy(stack: Stack) -> None:
    project = stack.folder / "Pulumi.yaml"
    project.write_text(project.read_text().replace("virtualenv: ", "virtualenv: no/such/"))
    assert "make .venv" in stack.up("", fails=True).text


def test_an_interrupted_program_ends_with_its_engine(stack: Stack, tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    stack.program(f"import os, signal\nopen({str(noted)!r}, 'w').write(str(os.getpid()))\nsignal.pause()")
    engine = stack.start("up", "--yes", "--skip-preview")
    try:
        until(lambda: noted.exists() and bool(noted.read_text()), "the program runs")
        engine.send_signal(signal.SIGINT)
        engine.send_signal(signal.SIGINT)
        engine.communicate(timeout=60)
    finally:
        engine.kill()
        engine.wait()
    until(lambda: not Path("/proc", noted.read_text()).exists(), "the program has ended")
