"""Every measure in one run on this machine, as ratios: `python -m bench [preview|noop|lan|files|converge|backup|mesh|storage …]`."""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping

from bench import backup, converge, files, lan, mesh, noop, preview, storage
from bench.engine import BenchError
from bench.result import Result, table
from config.problems import Refused
from rehearsal.engine.problem import EngineProblem
from rehearsal.machines.shell import MachineError

MEASURES: Mapping[str, Callable[[], Iterable[Result]]] = {
    "preview": preview.measure,
    "noop": noop.measure,
    "lan": lan.measure,
    "files": files.measure,
    "converge": converge.measure,
    "backup": backup.measure,
    "mesh": mesh.measure,
    "storage": storage.measure,
}
"""In the order of a whole run: what needs no machines first, what takes something apart last."""


def main(arguments: list[str]) -> int:
    """Exit status: 1 when a measure could not be taken. A missed limit is told and is none: on a busy machine it says little."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="measure", help=f"{', '.join(MEASURES)}; all of them without one")
    names = parser.parse_args(arguments).names or [*MEASURES]
    if unknown := [name for name in names if name not in MEASURES]:
        parser.error(f"there is no measure {', '.join(unknown)}; there are {', '.join(MEASURES)}")
    results: list[Result] = []
    failed = [name for name in MEASURES if name in names and not take(name, results)]
    print(f"\n{table(results)}" if results else "")
    return 1 if failed else 0


def take(name: str, results: list[Result]) -> bool:
    """Run one measure and add what it gives; False when it failed, with the reason told."""
    try:
        for result in MEASURES[name]():
            say(f"{name}: {result.name}: {result.ratio:.2f} {result.verdict}".rstrip())
            results.append(result)
    except (BenchError, MachineError, EngineProblem, Refused) as problem:
        say(f"{name} could not be measured: {problem}")
        return False
    return True


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
