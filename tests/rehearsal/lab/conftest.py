"""`lab`: the whole dev stack, brought up once by the command of the README and taken down at the end, whatever happened."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.rehearsal.lab.lab import ROOT, Lab


@pytest.fixture(scope="package")
def made() -> Iterator[str]:
    """What `make up` printed."""
    down = [sys.executable, "-m", "rehearsal", "down"]
    try:
        up = subprocess.run(["make", "up"], cwd=ROOT, capture_output=True, text=True, timeout=1500, check=False)
        assert up.returncode == 0, f"{up.stdout}\n{up.stderr}"
        yield up.stdout + up.stderr
    finally:
        left = subprocess.run(down, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert left.returncode == 0, f"something was left behind:\n{left.stdout}\n{left.stderr}"


@pytest.fixture(scope="package")
def lab(made: str) -> Lab:
    return Lab()
