"""The applications' pages as people reach them: real requests from the Internet's side, in the home LAN, and from the laptop over the mesh.

Names are resolved by hand, so what is asked is the machine and its certificate, not somebody's name server.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rehearsal.machines import lab, machine

SIDES = ("the Internet", "the home LAN", "the mesh")
PATIENCE = 90.0  # seconds until a page has its certificate and its pod
ASK = """
import http.client, socket, ssl, sys
address, host, port, path = sys.argv[1:5]
context = ssl.create_default_context(cadata=sys.stdin.read())
try:
    with socket.create_connection((address, int(port)), timeout=5) as plain, context.wrap_socket(plain, server_hostname=host) as channel:
        asked = http.client.HTTPSConnection(host)
        asked.sock = channel
        asked.request("GET", path, headers={"Connection": "close"})
        answer = asked.getresponse()
        answer.read()
        print(answer.status)
except OSError as problem:
    print(type(problem).__name__ if not str(problem) else str(problem).partition(" (_ssl")[0])
"""
GOOD = "200"


@dataclass(frozen=True)
class Page:
    """`answers`: side -> what it says there, a status of HTTP or why there is none; without sides from which it is not to be reached."""

    name: str
    url: str
    answers: Mapping[str, str]

    @property
    def complete(self) -> bool:
        """Whether it is well wherever it is meant to be."""
        return all(answer == GOOD for answer in self.answers.values())


@dataclass(frozen=True)
class Question:
    """One page from one side: at which machine's address."""

    side: str
    address: str
    url: str


def doors(machines: Mapping[str, Mapping[str, Any]], lan: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Side -> machine -> its address there: rented machines for the Internet, own ones for LAN (`lan`: theirs) and mesh. Pure."""
    rented = {name: said["host"] for name, said in machines.items() if name not in lan}
    return {SIDES[0]: rented, SIDES[1]: dict(lan), SIDES[2]: {name: machines[name]["mesh"] for name in lan}}


def questions(outputs: Mapping[str, Any], lan: Mapping[str, str], laptop: bool) -> dict[str, list[Question]]:
    """Application -> where it is to be asked, as the stack's outputs say. Pure."""
    known = doors(outputs["machines"], lan)
    reached = {"everywhere": SIDES, "the Internet": SIDES[:1], "LAN and mesh": SIDES[1:]}
    return {
        name: [
            Question(side, address, said["url"])
            for side in reached[said["from"]]
            if laptop or side != SIDES[2]
            for address in sorted(known[side].values())
        ]
        for name, said in outputs.get("urls", {}).items()
    }


def look(outputs: Mapping[str, Any], lan: Mapping[str, str], laptop: bool, patience: float = PATIENCE) -> list[Page]:
    """Asks every page at every machine that is to serve it, until it is well or patience ends. `lan`: own machine -> its address there."""
    authority = outputs.get("certificateAuthority", "")
    asked = questions(outputs, lan, laptop)
    every = [question for several in asked.values() for question in several]
    until = time.monotonic() + patience
    with ThreadPoolExecutor(8) as pool:
        said = dict(zip(every, pool.map(lambda question: _patiently(question, authority, until), every), strict=True))
    return [Page(name, outputs["urls"][name]["url"], dict(_joined(several, said))) for name, several in asked.items()]


def ask(question: Question, authority: str) -> str:
    """One request: its status, or why there is none."""
    parts = urlsplit(question.url)
    words = ["-c", ASK, question.address, str(parts.hostname), str(parts.port or 443), parts.path or "/"]
    if question.side == SIDES[2]:
        return machine.run(lab.LAPTOP, ("python3", *words), stdin=authority).stdout.strip()
    return subprocess.run([sys.executable, *words], input=authority, capture_output=True, text=True, timeout=60, check=False).stdout.strip()


def table(pages: Sequence[Page]) -> list[tuple[str, ...]]:
    """Rows for `report.columns`, the head first."""
    rows = [(page.name, page.url, *(page.answers.get(side, "-") for side in SIDES)) for page in pages]
    return [("application", "URL", *(f"from {side}" for side in SIDES)), *rows]


def _patiently(question: Question, authority: str, until: float, ask: Callable[[Question, str], str] = ask) -> str:
    said = ask(question, authority)
    while said != GOOD and time.monotonic() < until:
        time.sleep(1)
        said = ask(question, authority)
    return said


def _joined(several: Sequence[Question], said: Mapping[Question, str]) -> Iterator[tuple[str, str]]:
    """Side -> the answer of all its machines, or what differs from a good one."""
    for side in SIDES:
        answers = [said[question] for question in several if question.side == side]
        if answers:
            yield side, next((answer for answer in answers if answer != GOOD), GOOD)
