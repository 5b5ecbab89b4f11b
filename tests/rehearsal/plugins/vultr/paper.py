"""A hypervisor on paper for the contract tests: machines are files, so they outlive the plug-in as real ones do.

Under the account's folder: `machines/NAME` exists while a machine runs, `machines.log` tells what happened in order, and while
`hold` exists no boot ends.
"""

import time
from pathlib import Path

from rehearsal.plugins.vultr.hypervisor import Server
from rehearsal.plugins.vultr.objects import FirewallRule

HELD_AT_MOST = 60.0  # seconds


class Paper:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._machines = root / "machines"
        self._machines.mkdir(parents=True, exist_ok=True)

    def start(self, server: Server) -> None:
        self._log(f"start {server.name} {server.address}")
        deadline = time.monotonic() + HELD_AT_MOST
        while (self._root / "hold").exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"held for {HELD_AT_MOST} s: the test that said `hold` did not let go")
            time.sleep(0.05)
        if (self._root / "broken").exists():
            raise RuntimeError("no space left")
        (self._machines / server.name).write_text(server.user_data)

    def remove(self, name: str) -> None:
        self._log(f"remove {name}")
        (self._machines / name).unlink(missing_ok=True)

    def running(self, name: str) -> bool:
        return (self._machines / name).exists()

    def guard(self, name: str, rules: tuple[FirewallRule, ...] | None) -> None:
        return None

    def _log(self, line: str) -> None:
        with (self._root / "machines.log").open("a") as file:
            file.write(line + "\n")


def hypervisor(root: Path) -> Paper:
    return Paper(root)
