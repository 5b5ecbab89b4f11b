"""The rehearsed lab in the hands of a test: the engine, the machines, the network seen from outside."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from rehearsal import lifecycle, paths
from rehearsal.machines import machine
from rehearsal.machines.shell import wait_until

ROOT = paths.checkout()
STACK = "dev"
MESH = {"leviathan": "10.88.0.1", "absis": "10.88.0.2", "nimbus": "10.88.0.3", "laptop": "10.88.0.50"}
Run = subprocess.CompletedProcess[str]


class Lab:
    """What `make up` brought up. Machines are named as in the plan; a rented one is found through the account."""

    def __init__(self) -> None:
        self.environment = {**os.environ, **lifecycle.environment()}
        self.config: Path | None = None

    def argv(self, *words: str) -> list[str]:
        return ["pulumi", *words, "--stack", STACK, "--non-interactive", *(["--config-file", str(self.config)] if self.config else [])]

    def pulumi(self, *words: str, ok: bool = True, config: bool = True, bare: bool = False, deadline: float = 900) -> Run:
        """`config`: with the edited stack file, if there is one; `bare`: with nothing added to the words."""
        argv = self.argv(*words) if config else ["pulumi", *words, *([] if bare else ["--stack", STACK])]
        done = subprocess.run(argv, env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=deadline, check=False)
        assert not ok or done.returncode == 0, f"{' '.join(words)}:\n{done.stdout}\n{done.stderr}"
        return done

    def up(self, *words: str, ok: bool = True) -> Run:
        return self.pulumi("up", "--yes", "--skip-preview", *words, ok=ok)

    def command(self, name: str, *words: str, ok: bool = True) -> Run:
        """One of the operator's commands, as the Makefile calls it."""
        argv = [sys.executable, "-m", f"commands.{name}", STACK, *words]
        done = subprocess.run(argv, env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert not ok or done.returncode == 0, f"{argv}:\n{done.stdout}\n{done.stderr}"
        return done

    def discover(self, host: str) -> Run:
        argv = [sys.executable, "-m", "commands.discover", host]
        return subprocess.run(argv, env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)

    def state(self) -> dict[str, Any]:
        return dict(json.loads(self.pulumi("stack", "export", config=False).stdout))

    def urn(self, name: str) -> str:
        return next(one["urn"] for one in self.state()["deployment"]["resources"] if one["urn"].endswith(f"::{name}"))

    def outputs(self) -> dict[str, Any]:
        return dict(json.loads(self.pulumi("stack", "output", "--json", "--show-secrets", config=False).stdout))

    def servers(self) -> list[dict[str, str]]:
        """The account's servers: id, label and the machine that each is."""
        listed = self.account("list").stdout.splitlines()
        return [{"id": words[0], "label": words[1], "machine": words[-1]} for words in map(str.split, listed)]

    def account(self, *words: str) -> Run:
        argv = [sys.executable, "-m", "rehearsal.plugins.vultr", *words]
        return subprocess.run(argv, env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)

    def command_machines(self, act: str, name: str) -> Run:
        """`python -m rehearsal machines kill|boot|stop|reinstall NAME`."""
        argv = [sys.executable, "-m", "rehearsal", "machines", act, self.machine(name)]
        return subprocess.run(argv, env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=240, check=True)

    def machine(self, name: str) -> str:
        """The rehearsal's name of a machine of the plan."""
        return next((server["machine"] for server in self.servers() if server["label"].endswith(f"-{name}")), name)

    def inside(self, name: str, *argv: str, stdin: str = "", deadline: float = 60) -> Run:
        return machine.run(self.machine(name), argv, stdin=stdin, timeout=deadline)

    def reaches(self, name: str, address: str, size: int = 1400, within: int = 50) -> bool:
        """Whether two packets of `size` bytes, not to be fragmented, are answered `within` seconds. ping itself gives up on the first
        "unreachable", which Tinc sends while it is still dialling: so it is asked again."""
        ping = ("ping", "-n", "-q", "-M", "do", "-s", str(size - 28), "-c", "2", "-i", "0.2", "-W", "2", address)
        until = time.monotonic() + within
        while self.inside(name, *ping).returncode:
            if time.monotonic() > until:
                return False
            time.sleep(0.5)
        return True

    def silent(self, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """The pairs of members of which the first gets no answer from the second over the mesh."""
        wanted = list(pairs)
        with ThreadPoolExecutor(max_workers=len(wanted)) as pool:
            answered = list(pool.map(lambda pair: self.reaches(pair[0], MESH[pair[1]]), wanted))
        return [pair for pair, answer in zip(wanted, answered, strict=True) if not answer]

    def outside(self, code: str, *arguments: str) -> Run:
        """Python run where the Internet is: this host has an address on that network, IPv4 and IPv6."""
        argv = [sys.executable, "-c", code, *arguments]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)

    @contextmanager
    def edited(self, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
        """Work on an edited copy of the stack file for a while."""
        said = yaml.safe_load((ROOT / f"Pulumi.{STACK}.yaml").read_text())
        change(said["config"])
        self.config = paths.state() / f"Pulumi.{STACK}.yaml"
        self.config.write_text(yaml.safe_dump(said))
        try:
            yield
        finally:
            self.config = None

    def kill_when(self, word: str, *words: str, once: Callable[[], bool] = lambda: True) -> str:
        """SIGKILL the engine of `pulumi WORDS` when `word` shows in what it prints and `once` holds; gives what it printed until then."""
        argv = self.argv(*words)
        pipe = subprocess.PIPE
        with subprocess.Popen(argv, env=self.environment, cwd=ROOT, stdout=pipe, stderr=subprocess.STDOUT, text=True) as engine:
            assert engine.stdout is not None
            printed = []
            for line in engine.stdout:
                printed.append(line)
                if word in line:
                    wait_until(once, 60, lambda: f"{word!r} came, but what was waited for then did not")
                    engine.send_signal(signal.SIGKILL)
                    break
            engine.stdout.close()
        assert word in "".join(printed), f"{word!r} never came:\n{''.join(printed)}"
        self.pulumi("cancel", "--yes", config=False)
        return "".join(printed)
