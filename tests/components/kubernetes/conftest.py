"""Kubespray's own checks run where its tree is; where it is not, the run says that they did not."""

import os

import pytest

TREE = "HOMELAB_KUBESPRAY"
MESSAGE = f"NOT RUN: {{}} checks by Kubespray itself, for {TREE} names no folder with its release v2.31.0"
_left_out = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Taken out and told of, neither passed nor skipped: nobody may take what never ran for shown. Behind the choice by markers."""
    without = [item for item in items if "kubespray" in getattr(item, "fixturenames", ()) and not os.environ.get(TREE)]
    if without:
        config.stash[_left_out] = len(without)
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if count := config.stash.get(_left_out, 0):
        terminalreporter.write_line(MESSAGE.format(count), yellow=True)
