"""An `up` that has nothing to do against one of an empty program, both with the preview that `make up` shows."""

import json
from collections.abc import Iterator

from bench.engine import BenchError, rehearsed, scratch
from bench.result import Limit, Result, compare

RUNS = 5
UP = ("up", "--yes")


def measure() -> Iterator[Result]:
    """Needs the rehearsal as `make up` left it."""
    ours = rehearsed()
    changes = changed(json.loads(ours.run("preview", "--json"))["changeSummary"])
    if changes:
        raise BenchError(f"the dev stack is not as its file says ({changes}): run `make up` first")
    with scratch("", {}, ours.environment) as empty:
        empty.run(*UP)  # makes the stack's own resource
        pairs = [(ours.timed(*UP), empty.timed(*UP)) for _ in range(RUNS)]
    name = "`up` with nothing to do, against an empty program"
    yield compare(name, [one for one, _ in pairs], [other for _, other in pairs], "s", Limit(2.0))


def changed(summary: dict[str, int]) -> str:
    """What a preview would do, for people; empty when nothing."""
    return ", ".join(f"{number} to {act}" for act, number in sorted(summary.items()) if act not in ("same", "read"))
