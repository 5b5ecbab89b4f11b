"""The rehearsal of the `dev` stack on this host: `python -m rehearsal up|down|env|pulumi …|machines …`."""

import argparse
import os
import sys
from dataclasses import replace

from config.problems import Refused
from rehearsal import lifecycle, paths, program, report
from rehearsal.engine.problem import EngineProblem
from rehearsal.machines import machine
from rehearsal.machines.folder import Folder
from rehearsal.machines.progress import say
from rehearsal.machines.shell import MachineError

ACTS = ("list", "stop", "kill", "boot", "reinstall")


def main(arguments: list[str]) -> int:
    """Exit status."""
    if arguments[:1] == ["pulumi"]:
        return engine(arguments[1:])
    parser = argparse.ArgumentParser(prog="python -m rehearsal", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="machines, engine, and `pulumi up` on the dev stack")
    commands.add_parser("down", help="remove everything the rehearsal made on this host")
    commands.add_parser("env", help="print, and write to .rehearsal/env, the environment for plain pulumi")
    commands.add_parser("pulumi", help="run pulumi with that environment")
    players = commands.add_parser("machines", help="play with faults: " + ", ".join(ACTS))
    players.add_argument("act", choices=ACTS)
    players.add_argument("name", nargs="?")
    given = parser.parse_args(arguments)
    if given.command == "machines":
        return play(given.act, given.name)
    return {"up": lifecycle.up, "down": lifecycle.down, "env": env}[given.command]()


def env() -> int:
    """For `eval "$(python -m rehearsal env)"`, and the same as a file."""
    print(lifecycle.write_env(lifecycle.environment()), end="")
    return 0


def engine(arguments: list[str]) -> int:
    """Become pulumi, on the dev stack's state."""
    variables = lifecycle.environment()
    program.ensure_stack(variables)
    os.chdir(paths.checkout())
    os.execvpe("pulumi", ["pulumi", *arguments], {**os.environ, **variables})


def play(act: str, name: str | None) -> int:
    """Do something to a machine. A reinstalled one has a new host key, as it would in life."""
    if act == "list" or name is None:
        rows = [(each, str(Folder(each).spec().address), "on" if machine.running(each) else "off") for each in machine.names()]
        print(report.columns([("machine", "address", "power"), *rows]))
        return 0
    if act == "reinstall":
        machine.reinstall(replace(Folder(name).spec(), host_key=None))
        key = machine.run(name, ("cat", "/etc/ssh/ssh_host_ed25519_key.pub")).stdout.split()
        print(f"{name} is installed anew; put its new key into Pulumi.dev.yaml:\n  hostKey: {' '.join(key[:2])}")
        return 0
    {"stop": machine.stop, "kill": machine.kill, "boot": machine.boot}[act](name)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (MachineError, EngineProblem, Refused) as problem:
        say(str(problem))
        sys.exit(1)
    except KeyboardInterrupt:
        say("interrupted; `make up` goes on from here, `make down` removes everything")
        sys.exit(130)
