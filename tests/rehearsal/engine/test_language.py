"""The language host's decisions; that it runs programs is shown with the engine."""

import json
import sys
from pathlib import Path

import pytest
from pulumi.runtime.proto import language_pb2

from rehearsal.engine import language


def request(folder: Path) -> language_pb2.RunRequest:
    info = language_pb2.ProgramInfo(root_directory=str(folder), program_directory=str(folder), entry_point=".")
    return language_pb2.RunRequest(
        project="p",
        stack="dev",
        organization="o",
        pwd=str(folder),
        dryRun=True,
        parallel=8,
        monitor_address="127.0.0.1:2",
        config={"p:key": "value"},
        configSecretKeys=["p:key"],
        info=info,
        args=["extra"],
    )


def test_the_virtual_environment_of_the_project_is_honoured(tmp_path: Path) -> None:
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert language.interpreter(tmp_path, {"virtualenv": "env"}) == python
    assert language.interpreter(tmp_path, {}) == Path(sys.executable)


def test_a_missing_virtual_environment_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"'env'.*make \.venv/ready"):
        language.interpreter(tmp_path, {"virtualenv": "env"})


def test_the_runner_is_told_where_the_engine_and_the_program_are(tmp_path: Path) -> None:
    line = language.command_line(Path("python"), Path("runner"), "127.0.0.1:1", request(tmp_path))
    assert line[:3] == ["python", "-u", "runner"]
    assert line[-2:] == [str(tmp_path), "extra"]
    flags = dict(zip(line[3:-2:2], line[4:-2:2], strict=True))
    expected = {"--engine": "127.0.0.1:1", "--monitor": "127.0.0.1:2", "--stack": "dev", "--dry_run": "true", "--parallel": "8"}
    assert expected.items() <= flags.items()


def test_configuration_goes_by_the_environment_never_by_the_command_line(tmp_path: Path) -> None:
    environment = language.environment(request(tmp_path))
    assert json.loads(environment["PULUMI_CONFIG"]) == {"p:key": "value"}
    assert json.loads(environment["PULUMI_CONFIG_SECRET_KEYS"]) == ["p:key"]
    assert not any("value" in word for word in language.command_line(Path("python"), Path("runner"), "e:1", request(tmp_path)))
