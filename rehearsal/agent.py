"""The operator's SSH agent in the rehearsal: it alone holds the key, so no key reaches the engine's state."""

import os
from pathlib import Path
from socket import AF_UNIX
from socket import socket as connection

from rehearsal import paths
from rehearsal.machines import cgroups, keep
from rehearsal.machines.networks import spawn
from rehearsal.machines.shell import MachineError, run, wait_until


def socket() -> Path:
    """Where the agent listens."""
    return paths.state() / "agent.sock"


def start() -> None:
    """Start the agent with the operator's key, unless it runs."""
    if cgroups.processes(keep.AGENT) and socket().exists():
        return
    stop()
    if len(os.fsencode(socket())) > 100:
        raise MachineError(f"the path {socket()} is too long for a socket: put the checkout into a shorter one")
    log = paths.state() / "agent.log"
    spawn(*keep.command(keep.AGENT, "ssh-agent", "-D", "-a", str(socket())), log=log)
    wait_until(_listens, 15, lambda: f"ssh-agent did not start: {log.read_text()[-500:]}")
    key = paths.state() / "operator"  # ssh-add refuses a file that others may read, as a checkout's files are
    key.unlink(missing_ok=True)
    key.touch(mode=0o600)
    key.write_text((paths.keys() / "operator").read_text())
    run("env", f"SSH_AUTH_SOCK={socket()}", "ssh-add", "-q", str(key))


def _listens() -> bool:
    """The socket's file is there a moment before anything listens on it."""
    with connection(AF_UNIX) as probe:
        return probe.connect_ex(str(socket())) == 0


def stop() -> None:
    """End the agent, if there is one."""
    cgroups.kill(keep.AGENT)
    cgroups.remove(keep.AGENT)
    socket().unlink(missing_ok=True)
