"""`up` and `down` of the whole rehearsal: machines, engine, program, laptop, closing table."""

import fcntl
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.load import read
from rehearsal import agent, checks, pages, paths, program, report
from rehearsal.addons import install as addons
from rehearsal.engine import install as engine
from rehearsal.engine.home import home
from rehearsal.kubernetes import install as kubernetes
from rehearsal.machines import lab, laptop, machine, networks
from rehearsal.machines.folder import Folder
from rehearsal.machines.progress import say, step
from rehearsal.machines.shell import MachineError
from rehearsal.program import STACK
from rehearsal.report import Row


def environment() -> dict[str, str]:
    """What to add to the environment for plain `pulumi` on the dev stack; engine and plug-ins are built first if need be."""
    return {"VULTR_API_KEY": "only-rehearsed"} | home(paths.checkout()) | {"SSH_AUTH_SOCK": str(agent.socket())}


def write_env(variables: Mapping[str, str]) -> str:
    """`.rehearsal/env`, to be sourced; gives its text."""
    text = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(variables.items()))
    (paths.state() / "env").write_text(text)
    return text


def up() -> int:
    """Everything, from nothing or from wherever the last run stopped. Gives an exit status."""
    if problems := checks.problems(checks.look()):
        raise MachineError("\n".join(problems))
    seconds: dict[str, float] = {}
    with _alone():
        with _stage("engine", seconds):
            checks.install_missing()
            engine.ensure()
        with _stage("plug-ins", seconds):
            variables = environment()
            write_env(variables)
        with _stage("kubernetes", seconds):
            kubernetes.ensure()
        with _stage("addons", seconds):
            addons.ensure()
        with _stage("machines", seconds):
            homelab = read(STACK)
            lab.up(homelab)
            agent.start()
        with _stage("program", seconds):
            status = program.up(variables)
        if status:
            say(f"pulumi ended with status {status}; when its message is dealt with, run `make up` again: it goes on from there")
            return status
        outputs = json.loads(program.pulumi(variables, "stack", "output", "--json", "--stack", STACK, "--show-secrets"))
        clients = {name: str(client.address) for name, client in homelab.mesh.clients.items()}
        with _stage("laptop", seconds):
            rows = _meet(outputs, clients)
        with _stage("pages", seconds):
            lan = {name: str(said.lan.ip) for name, said in homelab.machines.items() if said.lan}
            found = pages.look(outputs, lan, lab.LAPTOP in clients)
    print(f"\n{report.machines(rows)}\n")
    if found:
        print(f"{report.columns(pages.table(found))}\n")
    print(report.stages(seconds))
    print(f"plain pulumi on this stack: source {paths.state() / 'env'}; the end of it all: make down")
    if not all(row.complete for row in rows):
        say("some machines do not reach each other over the mesh: see `no answer` above")
        return 1
    if not all(page.complete for page in found):
        say("some applications do not answer: the table says from where, and `kubectl --namespace applications get pods` more")
        return 1
    return 0


def down() -> int:
    """Nothing stays: machines, networks, rules, state. Gives an exit status: 1 when something could not be removed."""
    if os.geteuid() != 0:
        raise MachineError("Only root can take the rehearsal's machines and networks down: run `sudo make down`.")
    networks.require_ours()
    with _alone(), step("taking everything down"):
        left = lab.down()
    for line in left:
        say(f"could not be removed: {line}")
    return 1 if left else 0


def _meet(outputs: Mapping[str, Any], clients: Mapping[str, str]) -> list[Row]:
    """The laptop joins, and everyone's round-trip times to everyone, as rows."""
    members: dict[str, Any] = outputs["machines"]
    times: dict[str, dict[str, float | None]] = outputs["roundTripTimes"]
    rows = [_row(name, member, times.get(name, {})) for name, member in members.items()]
    if lab.LAPTOP not in clients:
        return rows
    with step("laptop: installing Tinc and its bundle, waiting for its peers"):
        laptop.join(json.dumps(outputs["clients"]))
        address = clients[lab.LAPTOP]
        mine = {name: laptop.reach(lab.LAPTOP, member["mesh"]) for name, member in members.items()}
        by_address = {str(Folder(name).spec().address.ip): name for name in machine.names()}
        back = {row.name: laptop.reach(by_address[row.address], address) for row in rows if row.address in by_address}
    rows = [Row(row.name, row.role, row.site, row.address, row.mesh, {**row.peers, lab.LAPTOP: back.get(row.name)}) for row in rows]
    return [*rows, Row(lab.LAPTOP, "client", "cafe", str(lab.LAPTOP_ADDRESS.ip), address, mine)]


def _row(name: str, member: Mapping[str, Any], peers: Mapping[str, float | None]) -> Row:
    address = member.get("public") or member.get("lan") or member["host"]
    return Row(name, member["role"], member["site"], str(address).partition("/")[0], member["mesh"], peers)


@contextmanager
def _stage(name: str, seconds: dict[str, float]) -> Iterator[None]:
    say(f"── {name}")
    begun = time.monotonic()
    yield
    seconds[name] = time.monotonic() - begun


@contextmanager
def _alone() -> Iterator[None]:
    """One `up` or `down` at a time in a checkout; the lock of a killed one is free again."""
    lock = paths.state() / "lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with Path(lock).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise MachineError(f"`{file.read().strip()}` is running in this checkout: let it end, or end it, first") from None
        file.truncate(0)
        file.write(f"{shlex.join(sys.argv[-1:])} (process {os.getpid()})")
        file.flush()
        yield
