"""How packages come onto a machine."""

import subprocess
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from components.remote.toolbox import __file__ as toolbox

LOCKED = "dpkg: error: dpkg frontend lock was locked by another process with pid 1042"


@pytest.fixture
def converge(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = spec_from_file_location("converge_packages", Path(toolbox).parent / "scripts/converge.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    return module


def answering(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *answers: tuple[int, str]) -> list[tuple[str, ...]]:
    left, asked = list(answers), list[tuple[str, ...]]()

    def sh(*argv: str, **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(argv)
        status, said = left.pop(0)
        return subprocess.CompletedProcess(argv, status, "", said)

    monkeypatch.setattr(module, "sh", sh)
    return asked


def test_another_that_installs_packages_is_waited_for(converge: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ceph's and Borg's packages were installed at the same time, and one of the two failed the run."""
    asked = answering(converge, monkeypatch, (2, LOCKED), (2, LOCKED), (0, ""))
    converge.settle()
    assert len(asked) == 3


def test_packages_that_cannot_be_configured_are_told_at_once(converge: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(converge, monkeypatch, (1, "dpkg: error processing package x"))
    with pytest.raises(SystemExit, match="error processing package x"):
        converge.settle()
    assert len(asked) == 1


def test_patience_with_another_has_an_end(converge: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(converge, monkeypatch, (2, LOCKED))
    monkeypatch.setattr(converge, "PATIENCE", -1)
    with pytest.raises(SystemExit, match="frontend lock"):
        converge.settle()
