"""Checks by what is not in this repository run where its folder is; where it is not, the run says that they did not."""

import os

import pytest

KUBESPRAY, CHARTS = "HOMELAB_KUBESPRAY", "HOMELAB_CHARTS"
FOLDERS = {
    "kubespray": (KUBESPRAY, "checks by Kubespray itself, for {} names no folder with its release v2.31.0"),
    "official": (CHARTS, "checks of official charts, for {} names no folder with them (docs/facts/charts.md)"),
}
"""Fixture -> the variable that names its folder, and what is said without. No other fixture may be called so: a hook sees all tests."""
_not_run = pytest.StashKey[list[str]]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Taken out and told of, neither passed nor skipped: nobody may take what never ran for shown. Behind the choice by markers."""
    config.stash[_not_run] = []
    for fixture, (variable, message) in FOLDERS.items():
        without = [item for item in items if fixture in getattr(item, "fixturenames", ()) and not os.environ.get(variable)]
        if without:
            config.stash[_not_run].append(f"NOT RUN: {len(without)} {message.format(variable)}")
            config.hook.pytest_deselected(items=without)
            items[:] = [item for item in items if item not in without]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(_not_run, []):
        terminalreporter.write_line(line, yellow=True)
