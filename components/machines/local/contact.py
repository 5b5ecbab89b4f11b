"""First contact with one machine: wait until it answers by SSH with the pinned host key, say clearly why not.

Run as a module in the project's folder; reads one JSON object from standard input: a `Target`, and `deadline` (seconds) and `cloudInit`
(wait for its end too). The command provider itself would hang for ever on a port that accepts and stays silent.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from subprocess import CompletedProcess

from components.remote.ssh import Target, run

CLOUD_INIT = (
    "command -v cloud-init >/dev/null || exit 0; cloud-init status --wait >/dev/null || [ $? = 2 ] || { cloud-init status --long; exit 1; }"
)
"""Exit status 2 of `cloud-init status` is "done, with recoverable warnings"."""


SSH_FAILED, TOO_LATE = 255, 124
"""What `ssh` returns when it did not get through, and `run` when the deadline passed; everything else is the command's own."""


@dataclass(frozen=True)
class Trouble:
    """Why a machine was not reached; `final` when waiting longer cannot help."""

    why: str
    final: bool = False


def diagnose(target: Target, said: str) -> Trouble:
    """What the error text of `ssh` means for a person."""
    if "Host key verification failed" in said or ("host key" in said.lower() and "changed" in said.lower()):
        return Trouble(
            f"{target} answers with another host key than the pinned one. If you installed it anew, put its new key into "
            f"homelab:machines.{target.name}.ssh.hostKey (`make discover HOST={target.user}@{target.host}` shows it); if not, "
            "something else answers at this address.",
            final=True,
        )
    if "Permission denied" in said:
        agent = "any key of your SSH agent (`ssh-add -l` lists them)" if os.environ.get("SSH_AUTH_SOCK") else "you without an SSH agent"
        how = f"the key {target.key_file}" if target.key_file else agent
        return Trouble(f"{target} does not accept {how}: add the public key to ~{target.user}/.ssh/authorized_keys there.", final=True)
    if "Could not resolve" in said:
        return Trouble(f"the name {target.host} of {target.name} is unknown: use an address.", final=True)
    last = said.strip().splitlines()[-1] if said.strip() else "silence"
    return Trouble(f"{target} does not answer ({last}): is it on, is the address right?")


Attempt = Callable[[], CompletedProcess[str]]


def persist(attempt: Attempt, target: Target, deadline: float, settle: float = 0) -> Trouble | None:
    """Repeat until `ssh` itself gets through; None then, else the last trouble, at the latest after `deadline` seconds.

    `settle`: for how many seconds also a refused key is worth another try (cloud-init plants keys while sshd is already up).
    """
    start = told = time.monotonic()
    while True:
        answer = attempt()
        if answer.returncode not in (SSH_FAILED, TOO_LATE):
            return None
        trouble, passed = diagnose(target, answer.stderr), time.monotonic() - start
        if passed >= deadline or (trouble.final and passed >= settle):
            return trouble
        if time.monotonic() - told >= 10:
            told = time.monotonic()
            print(f"{target.name}: waiting for SSH, {passed:.0f} of at most {deadline:.0f} s", file=sys.stderr, flush=True)
        time.sleep(1)


def answer(attempt: Attempt, target: Target, deadline: float, settle: float = 0) -> CompletedProcess[str] | Trouble:
    """What the command itself answered in the end, else the last trouble; otherwise as `persist`."""
    answers: list[CompletedProcess[str]] = []

    def ask() -> CompletedProcess[str]:
        answers.append(attempt())
        return answers[-1]

    return persist(ask, target, deadline, settle) or answers[-1]


def main() -> int:
    said = json.load(sys.stdin)
    target, deadline, cloud_init = Target.read(said), float(said["deadline"]), bool(said["cloudInit"])
    trouble = persist(lambda: run(target, "true", deadline=20), target, deadline, settle=deadline if cloud_init else 0)
    if trouble:
        print(trouble.why, file=sys.stderr)
        return 1
    print(f"{target.name}: reached", file=sys.stderr, flush=True)
    return wait_for_cloud_init(target, deadline) if cloud_init else 0


def wait_for_cloud_init(target: Target, deadline: float) -> int:
    """0 when it ended well. It restarts sshd on its way, so a lost connection is no answer."""
    print(f"{target.name}: waiting for cloud-init", file=sys.stderr, flush=True)
    ended = answer(lambda: run(target, CLOUD_INIT, deadline=deadline), target, deadline, settle=deadline)
    if isinstance(ended, Trouble):
        print(ended.why, file=sys.stderr)
        return 1
    if ended.returncode:
        print(f"cloud-init on {target} failed: {ended.stdout}{ended.stderr}see /var/log/cloud-init-output.log there.", file=sys.stderr)
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main())
