"""`run`: the graph of the program, under mocks."""

from collections.abc import Callable

import pytest

from tests.graph import ROOT, Graph, run_program


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Graph]:
    monkeypatch.chdir(ROOT)
    # An Output that is formatted into a text by mistake becomes an error instead of advice.
    monkeypatch.setenv("PULUMI_ERROR_OUTPUT_STRING", "1")
    return run_program
