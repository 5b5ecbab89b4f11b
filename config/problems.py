"""What is wrong with a configuration, said to a person. Imports without pulumi."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    _Stop = Exception
else:
    try:
        from pulumi import RunError as _Stop  # the engine prints its text alone, without a traceback
    except ImportError:
        _Stop = Exception


@dataclass(frozen=True)
class Problem:
    """One thing to repair: where (`homelab:machines.absis.lan`), what is wrong, and what to do about it."""

    path: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f" -> {self.remedy}" if self.remedy else "")


class Refused(_Stop):
    """A configuration that cannot be used; its text lists every problem. A pulumi.RunError where pulumi is installed."""

    def __init__(self, stack: str, problems: Sequence[Problem]) -> None:
        self.stack = stack
        self.problems = tuple(problems)
        super().__init__(self._text())

    def _text(self) -> str:
        count = len(self.problems)
        head = f"Pulumi.{self.stack}.yaml has {count} problem{'s' if count != 1 else ''}:"
        width = len(str(count))
        return "\n".join([head, *(f"  {number:>{width}}. {problem}" for number, problem in enumerate(self.problems, 1))])


def refuse(stack: str, problems: Sequence[Problem]) -> None:
    """Raise Refused when there is any problem."""
    if problems:
        raise Refused(stack, problems)
