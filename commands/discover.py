"""Prints a machine's block of the configuration: `python -m commands.discover USER@ADDRESS[:PORT]`. Changes nothing there."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

from commands.discovered import Account, block
from components.machines.local.preflight import READ
from components.remote.ssh import Target, run
from components.remote.toolbox import scripts

USAGE = "usage: make discover HOST=USER@ADDRESS[:PORT]"
DEADLINE = 120  # seconds
HOST_KEY_DEADLINE = 10  # seconds


def main(where: str) -> int:
    account = parse(where)
    account = replace(account, host_key=host_key(account))
    print(block(account, facts(account)), end="")
    print("\nPaste this below homelab:machines of Pulumi.<stack>.yaml and delete the disks that the lab may not have.", file=sys.stderr)
    print("The host key is what answered just now. On the machine's console this must print the same fingerprint:", file=sys.stderr)
    print("    ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", file=sys.stderr)
    return 0


def parse(where: str) -> Account:
    """`user@address`, `user@address:port`, `user@[v6]:port`; exits with the usage on anything else."""
    form = re.fullmatch(r"([a-z_][a-z0-9_-]{0,31})@(?:\[([0-9a-f:]+)\]|([A-Za-z0-9][A-Za-z0-9.-]*))(?::([0-9]{1,5}))?", where)
    if form is None or not 0 < int(form[4] or 22) < 65536:
        sys.exit(f"{where!r} is not USER@ADDRESS[:PORT]\n{USAGE}")
    return Account(form[1], form[2] or form[3], int(form[4] or 22), "")


def host_key(account: Account) -> str:
    """The ed25519 host key that the address shows, as `ssh-ed25519 AAAA…`."""
    command = ["ssh-keyscan", "-t", "ed25519", "-T", "5", "-p", str(account.port), account.host]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=HOST_KEY_DEADLINE, check=False).stdout
    except FileNotFoundError:
        sys.exit("there is no ssh-keyscan on this computer: install the OpenSSH client")
    except subprocess.TimeoutExpired:
        said = ""
    found = re.search(r"^\S+ (ssh-ed25519 [A-Za-z0-9+/=]+)$", said, re.MULTILINE)
    if found is None:
        sys.exit(
            f"{account.host} port {account.port}: no SSH server with an ed25519 host key answers. Does it run, and is the address right?"
        )
    return found[1]


def facts(account: Account) -> dict[str, Any]:
    """What the machine says of itself; the connection accepts no other host key than the one just seen."""
    target = Target("discovered", account.host, account.port, account.user, account.host_key)
    ended = run(target, READ, stdin=scripts()["machines/facts"].decode(), deadline=DEADLINE)
    if ended.returncode:
        reason = ended.stderr.strip().splitlines()[-1] if ended.stderr.strip() else f"exit status {ended.returncode}"
        sys.exit(
            f"{account.user}@{account.host}: {reason}\nNeeded there: your public key in ~/.ssh/authorized_keys (or in the SSH agent here),"
            f" python3, and sudo without a password unless the user is root."
        )
    answer: dict[str, Any] = json.loads(ended.stdout)
    missing = {"os", "kernel", "addresses", "cpus", "memory", "disks"} - answer.keys()
    if missing:
        told = "; ".join(f"{name}: {answer['problems'].get(name, 'no answer')}" for name in sorted(missing))
        sys.exit(f"{account.user}@{account.host}: could not be found out: {told}")
    return answer


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(USAGE)
    sys.exit(main(sys.argv[1]))
