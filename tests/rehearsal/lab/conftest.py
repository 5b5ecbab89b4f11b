"""`lab`: the whole dev stack, brought up once by the command of the README and taken down at the end, whatever happened."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rehearsal.lab.kube import Kube
from tests.rehearsal.lab.lab import ROOT, Lab


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The lab stands until the session ends, and other tests want a host without machines: the lab's own come last."""
    items.sort(key=lambda item: Path(__file__).parent in item.path.parents)


@pytest.fixture(scope="session")
def made() -> Iterator[str]:
    """What `make up` printed."""
    down = [sys.executable, "-m", "rehearsal", "down"]
    try:
        up = subprocess.run(["make", "up"], cwd=ROOT, capture_output=True, text=True, timeout=2400, check=False)
        assert up.returncode == 0, f"{up.stdout}\n{up.stderr}"
        yield up.stdout + up.stderr
    finally:
        left = subprocess.run(down, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert left.returncode == 0, f"something was left behind:\n{left.stdout}\n{left.stderr}"


@pytest.fixture(scope="session")
def lab(made: str) -> Lab:
    return Lab()


@pytest.fixture
def kube(lab: Lab, tmp_path: Path) -> Kube:
    return Kube(lab, tmp_path)
