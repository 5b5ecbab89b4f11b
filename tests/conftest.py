"""`run`: the graph of the program, under mocks; `--table`: results for people."""

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tests.graph import ROOT, Graph, run_program


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Graph]:
    monkeypatch.chdir(ROOT)
    # An Output that is formatted into a text by mistake becomes an error instead of advice.
    monkeypatch.setenv("PULUMI_ERROR_OUTPUT_STRING", "1")
    return run_program


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--table", metavar="FILE", help="write what was shown, with its outcome and seconds, as a Markdown table")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("--table"):
        return
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome) if report.when == "call"]
    rows = sorted((report.nodeid.split("::", 1)[0], sentence(report.nodeid), report.outcome, report.duration) for report in reports)
    lines = [f"| {what} | {outcome} | {seconds:.1f} |" for _, what, outcome, seconds in rows]
    head = f"# Faults\n\nWritten by `make rehearse-faults` on {date.today()}, all on one machine with {os.cpu_count()} cores.\n\n"
    text = head + "\n".join(["| what was shown | outcome | seconds |", "|---|---|---|", *lines]) + "\n"
    Path(config.getoption("--table")).write_text(text)


def sentence(nodeid: str) -> str:
    """`tests/x.py::test_a_rule_holds[dev]` as a sentence."""
    name, _, case = nodeid.split("::", 1)[1].partition("[")
    return name.removeprefix("test_").replace("_", " ").capitalize() + (f" ({case.removesuffix(']')})" if case else "")
