"""What a stand-in's process has of the SDK."""

import subprocess
import sys

import pytest
from pulumi.runtime import rpc

from rehearsal.plugins import wire
from tests.graph import ROOT


@pytest.mark.parametrize("name", ["command", "vultr"])
def test_a_stand_in_starts_without_the_sdk_and_the_ssh_library(name: str) -> None:
    code = f"""
import sys
from rehearsal.plugins.alone import without_sdk
without_sdk()
import rehearsal.plugins.{name}.__main__
print(sorted({{"pulumi.resource", "pulumi.automation", "asyncssh"}} & {{*sys.modules}}))
"""
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip() == "[]"


def test_unknown_values_are_marked_as_the_sdk_marks_them() -> None:
    assert wire.UNKNOWN == rpc.UNKNOWN
