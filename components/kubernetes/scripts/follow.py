"""What Ansible prints, line by line, as progress and as a verdict for people. Pure.

`fatal:` alone says nothing: the task may be allowed to fail, or be rescued. So a failure counts only for a host that the PLAY RECAP
counts as failed or unreachable; without a recap, every failure that was not ignored does.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

PLAY = re.compile(r"^PLAY \[(?P<name>.*)\] \*+$")
TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(?P<name>.*)\] \*+$")
ANSWER = re.compile(r"^(?:ok|changed|skipping|fatal|failed): \[(?P<host>[^\]\s]+)[^\]]*\]")
FAILED = re.compile(
    r"^(?:fatal|failed): \[(?P<host>[^\]\s]+)[^\]]*\](?:: (?P<kind>FAILED|UNREACHABLE)!)?(?: \(item=(?P<item>.*?)\))? => (?P<why>.*)$"
)
RECAP = re.compile(r"^(?P<host>\S+)\s+: ok=\d+\s.*\bunreachable=(?P<unreachable>\d+)\s+failed=(?P<failed>\d+)")
ERROR = re.compile(r"^(?:\[ERROR\]: |ERROR! )(?P<why>.*)$")
LONGEST = 400
"""Characters of a message: what is longer is in the log."""


@dataclass(frozen=True)
class Failure:
    host: str
    task: str
    message: str
    unreachable: bool = False


@dataclass
class Progress:
    """Where a playbook is. `usual`: seconds that it took the last time, if that is known."""

    playbook: str
    usual: float | None = None
    play: str = ""
    task: str = ""
    tasks: int = 0
    hosts: list[str] = field(default_factory=list)
    found: list[Failure] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    recap: dict[str, bool] = field(default_factory=dict)
    """Host -> whether it came through; known at the very end only."""
    _open: tuple[re.Match[str], list[str]] | None = None
    """A failure whose result goes over several lines, as that of `assert` does."""

    def feed(self, line: str) -> None:
        """One line of output, without its end."""
        if self._open:
            self._more(line)
        elif play := PLAY.match(line):
            self.play, self.task, self.hosts = play["name"], "", []
        elif task := TASK.match(line):
            self.task, self.tasks, self.hosts = task["name"], self.tasks + 1, []
        elif line.startswith("...ignoring"):
            self._forgive()
        elif recap := RECAP.match(line):
            self.recap[recap["host"]] = recap["unreachable"] == recap["failed"] == "0"
        elif error := ERROR.match(line):
            self.errors.append(error["why"])
        elif answer := ANSWER.match(line):
            if answer["host"] not in self.hosts:
                self.hosts.append(answer["host"])
            if failed := FAILED.match(line):
                if failed["why"] == "{":
                    self._open = failed, ["{"]
                else:
                    self.found.append(self._failure(failed, failed["why"]))

    def line(self, elapsed: float) -> str:
        """Where it is, in one short line."""
        usual = f" of about {clock(self.usual)}" if self.usual and elapsed < self.usual else ""
        where = " | ".join(part for part in (self.play, self.task) if part and not (part == self.play == self.task)) or "starting"
        hosts = f" | {', '.join(self.hosts)}" if self.hosts else ""
        return f"{self.playbook} {clock(elapsed)}{usual} | {where}{hosts}"[:200]

    def failures(self) -> list[Failure]:
        """One a host, the last; what concerns no host comes first."""
        lost = {failure.host: failure for failure in self.found if not self.recap.get(failure.host, False)}
        unknown = [
            Failure(host, self.task, "failed; the log says how") for host, well in self.recap.items() if not well and host not in lost
        ]
        return [*(Failure("", "", short(why)) for why in self.errors if not lost), *lost.values(), *unknown]

    def _more(self, line: str) -> None:
        assert self._open
        said, lines = self._open
        lines.append(line)
        if line == "}":
            self._open = None
            self.found.append(self._failure(said, "\n".join(lines)))

    def _failure(self, said: re.Match[str], why: str) -> Failure:
        item = f" (item {said['item']})" if said["item"] else ""
        return Failure(said["host"], self.task + item, message(why), said["kind"] == "UNREACHABLE")

    def _forgive(self) -> None:
        """`...ignoring` stands below the failure that it means; those of a loop's items are all meant."""
        if self.found:
            host = self.found[-1].host
            while self.found and self.found[-1].host == host and self.found[-1].task.startswith(self.task):
                self.found.pop()


def message(result: str) -> str:
    """The words of a task's result that a person wants to see."""
    try:
        said = json.loads(result)
    except ValueError:
        return short(result)
    if not isinstance(said, dict):
        return short(result)
    keys = ("msg", "stderr", "module_stderr", "stdout", "module_stdout", "cmd", "reason", "censored")
    texts = [text if isinstance(text, str) else json.dumps(text) for key in keys if (text := said.get(key))]
    return short(": ".join(dict.fromkeys(text.strip() for text in texts[:2]))) or short(result)


def short(text: str) -> str:
    """One line, not too long: the end says what went wrong, more often than the beginning."""
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST else f"{flat[: LONGEST // 4]} … {flat[-LONGEST * 3 // 4 :]}"


def clock(seconds: float) -> str:
    """3:07; 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def summary(failures: list[Failure], playbook: str, status: int, log: str) -> str:
    """What a person must know after a run that failed."""
    told = [
        f"  {failure.host or 'Ansible'}{' does not answer' if failure.unreachable else ''}"
        f"{f', task {failure.task!r}' if failure.task else ''}: {failure.message}"
        for failure in failures
    ] or [f"  ansible-playbook ended with status {status} and named no host"]
    remedy = (
        "Bring the machines back that do not answer, then run" if any(failure.unreachable for failure in failures) else "Mend it and run"
    )
    return "\n".join(
        [f"{playbook} failed:", *told, f"  The whole log: {log}", f"  {remedy} `pulumi up` again: that is safe, it goes on from here."]
    )
