"""The gate: reads the facts of every machine at once, judges them, and stops the run on any failure. Changes nothing.

Run as a module in the project's folder; reads from standard input a JSON object
`{"machines": [{"target": Target, "system": str, "expectation": Expectation, "timeServers": [str]}]}`. It is one step, because a gate that
failed is not recorded and so reads everything anew next time.
"""

import json
import shlex
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from components.machines.local.contact import SSH_FAILED
from components.machines.preflight.judge import Expectation, Finding, across, judge, unreachable
from components.machines.preflight.report import failed, table
from components.remote.ssh import Target, run
from components.remote.toolbox import scripts

ATTEMPTS = 3
"""A connection that is lost once is no finding; reading changes nothing, so it is simply done again."""

READ = 'as=; [ "$(id -u)" = 0 ] || as="sudo -n"; exec $as timeout 90 python3 - '


def read(said: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, list[Finding]]:
    """The facts of one machine (None when they could not be had) and what is to be said of them."""
    target, expectation = Target.read(said["target"]), Expectation.from_json(said["expectation"])
    print(f"preflight: reading {target.name}", file=sys.stderr, flush=True)
    command, script = READ + shlex.join(said["timeServers"]), scripts()["machines/facts"].decode()
    for _ in range(ATTEMPTS):
        ended = run(target, command, stdin=script, deadline=120)
        if ended.returncode != SSH_FAILED:
            break
    if ended.returncode:
        return None, [unread(expectation.name, ended.returncode, ended.stderr)]
    try:
        # A login shell that greets prints before the document, which is the last line.
        facts = json.loads(ended.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return None, [unreachable(expectation.name, f"its answer is no document but {ended.stdout[:80]!r}")]
    return facts, judge(expectation, facts)


def unread(name: str, returncode: int, said: str) -> Finding:
    """What it means that the facts of a machine could not be had."""
    if "sudo:" in said:
        remedy = "Allow the SSH user to use sudo without a password: USER ALL=(ALL) NOPASSWD: ALL in /etc/sudoers.d/."
        return Finding(name, "sudo", "failure", said.strip().splitlines()[-1], "root by sudo", remedy)
    if returncode in (126, 127) and "python3" in said:
        return Finding(name, "Python", "failure", "no python3", "the full standard library", "apt-get install python3")
    if returncode == SSH_FAILED and not said.strip():
        return unreachable(name, f"SSH let it in {ATTEMPTS} times and then heard nothing for 15 s: a disk or a system that stands still")
    return unreachable(name, said.strip().splitlines()[-1] if said.strip() else f"exit status {returncode}")


def main() -> int:
    machines = json.load(sys.stdin)["machines"]
    with ThreadPoolExecutor(max_workers=16) as pool:
        answers = list(pool.map(read, machines))
    facts = {said["target"]["name"]: known for said, (known, _) in zip(machines, answers, strict=True) if known is not None}
    findings = [finding for _, found in answers for finding in found] + across(facts)
    print(table(findings), file=sys.stderr)
    return 1 if failed(findings) else 0


if __name__ == "__main__":
    sys.exit(main())
