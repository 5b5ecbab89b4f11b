"""The process in homelab-kubespray.service: runs one playbook after the other and records what is applied.

`python3 steps.py ROOT`, with the other modules in a folder of its own, so that a new toolbox does not change it while it runs. Below the
root it reads run/task.json and leaves run/state.json and run/progress; whoever started it may be gone long since. Nothing is logged but
what `Mask` has gone over.
"""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from follow import Progress, clock, summary
from mask import Mask
from members import Members, options
from places import Places, put, put_json, read_json
from records import REMOVE, after, done, started

HOSTS, VARIABLES = "hosts.yml", "group_vars/all/homelab.yml"
EVERY, AT_LEAST = 5, 20
"""Seconds between lines of progress: while tasks come and go, and while one goes on."""
LOGS = 10
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Run:
    """One run of the steps in `task`."""

    def __init__(self, places: Places, task: Mapping[str, Any]) -> None:
        self._places, self._task = places, task
        self._members = Members(places, task["hosts"])
        self._applied: Mapping[str, Any] | None = task["applied"]
        self._kept: dict[str, Any] = dict(task["kept"] or {})
        self._count = int((self._applied or {}).get("run", 0)) + 1
        self._mask = Mask(_credentials(places))
        self._durations: dict[str, Any] = read_json(places.durations) or {}
        self._log = places.logs / f"{task['began']}.log"

    def go(self) -> int:
        """0 when every step succeeded. The state says so, too."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        prune(self._log.parent)
        self._log.touch(mode=0o600)
        self._state("running")
        try:
            problem = self._all()
        except Exception as error:  # whatever it is, the state must say that the run ended
            problem = self._mask.line(f"the run broke off: {type(error).__name__}: {error}\n  The log: {self._log}".replace("\n", " "))
        hang_up(self._places)
        self._state("failed" if problem else "done", problem)
        return 1 if problem else 0

    def _all(self) -> str:
        """Why it failed, or nothing."""
        wanted = self._task["wanted"]
        self._record(started(self._applied, wanted, now()))
        for step in self._task["steps"]:
            if problem := self._step(step):
                return problem
            self._remember(step)
            self._record(after(self._applied or {}, step, wanted, now()))
        self._drop()
        self._record(done(wanted, now()))
        return ""

    def _step(self, step: Mapping[str, Any]) -> str:
        playbook, self._mask = step["playbook"], Mask(_credentials(self._places))  # the step before may have made some
        extra = self._places.run / "extra.json"
        put(extra, json.dumps(step["variables"]))
        inventory = self._inventory(step)
        limit = ["--limit", step["limit"]] if step.get("limit") else []
        argv = [f"{self._task['python']}/bin/ansible-playbook", "-i", f"{inventory}/hosts.yml", "-b", playbook, "-e", f"@{extra}", *limit]
        argv += ["--forks", str(step["forks"])] if step.get("forks") else []
        progress = Progress(playbook, self._durations.get(playbook, {}).get("seconds"))
        self._tell(f"{playbook}: {step['reason']}")
        began = time.monotonic()
        status = self._play(argv, progress, began)
        seconds = time.monotonic() - began
        if status:
            return summary(progress.failures(), playbook, status, str(self._log))
        self._tell(f"{playbook} done in {clock(seconds)}")
        self._durations[playbook] = {"seconds": round(seconds), "tasks": progress.tasks}
        put_json(self._places.durations, self._durations)
        return ""

    def _play(self, argv: list[str], progress: Progress, began: float) -> int:
        with (
            self._log.open("a") as log,
            subprocess.Popen(
                argv,
                cwd=self._task["folder"],
                env=environment(self._places, self._task["python"]),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as child,
        ):
            assert child.stdout
            log.write(f"$ {' '.join(argv)}\n")
            told, shown = 0.0, ("", "")
            for line in child.stdout:
                safe = self._mask.line(line.rstrip("\n"))
                log.write(safe + "\n")
                log.flush()
                progress.feed(safe)
                elapsed, where = time.monotonic() - began, (progress.play, progress.task)
                if elapsed - told >= (EVERY if where != shown else AT_LEAST):
                    self._tell(progress.line(elapsed))
                    told, shown = elapsed, where
            return child.wait()

    def _inventory(self, step: Mapping[str, Any]) -> Path:
        """What is wanted; for a step that says its own, as those do by which machines leave, a folder with that."""
        if not step.get("inventory"):
            return self._places.inventory
        variables = self._kept.get("variables", self._task["variables"])
        put(self._places.before / HOSTS, json.dumps(step["inventory"]))
        put(self._places.before / VARIABLES, variables)
        return self._places.before

    def _remember(self, step: Mapping[str, Any]) -> None:
        """What a lost runner must not take with it."""
        if step["playbook"] != REMOVE:
            files = {str(path.relative_to(self._places.inventory)): path.read_text() for path in _secret_files(self._places)}
            self._kept = {"variables": self._task["variables"], "files": files}

    def _drop(self) -> None:
        """Labels and taints that no playbook takes away."""
        if self._task["drop"]:
            first = next(name for name in self._task["controlPlane"] if name in self._task["living"])
            ended = self._members.ask(first, "drop", stdin=json.dumps(self._task["drop"]))
            if ended.returncode:
                raise OSError(f"{first} could not take labels or taints away: {ended.stderr.strip()[-300:]}")

    def _record(self, applied: Mapping[str, Any]) -> None:
        """On every machine that is to be in the cluster: more than half of the control plane must know."""
        self._applied = {**applied, "run": self._count}
        failed = self._members.record(self._task["living"], self._applied, self._kept)
        controlling = self._task["controlPlane"]
        reached = [name for name in self._task["living"] if name in controlling and name not in failed]
        for name, why in failed.items():
            self._tell(f"cannot record on {name} what is applied: {why}")
        if len(reached) * 2 <= len(controlling):
            raise OSError(
                f"only {', '.join(reached) or 'no machine'} of the control plane could record what is applied; running again is safe"
            )

    def _state(self, phase: str, problem: str = "") -> None:
        said = {"phase": phase, "wanted": self._task["wanted"], "began": self._task["began"], "log": str(self._log), "problem": problem}
        put_json(self._places.run / "state.json", said)

    def _tell(self, line: str) -> None:
        """To whoever follows, to the journal, and into the log."""
        safe = self._mask.line(line)
        print(safe, flush=True)
        for path in (self._places.run / "progress", self._log):
            with path.open("a") as file:
                file.write(f"{safe}\n")


def now() -> str:
    """ISO 8601, UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def environment(places: Places, python: str) -> dict[str, str]:
    """Ansible's settings go before the ansible.cfg beside the playbooks, which would accept any host key."""
    home = places.home
    return {
        "PATH": f"{python}/bin:{PATH}",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(home / "facts"),
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_HOME": str(home / "ansible"),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
        "ANSIBLE_LOCAL_TEMP": str(home / "ansible/tmp"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_NO_TARGET_SYSLOG": "True",  # arguments of modules may be secrets
        "ANSIBLE_PRIVATE_KEY_FILE": str(places.key),
        "ANSIBLE_REMOTE_USER": "root",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_SSH_ARGS": " ".join(["-o ControlMaster=auto -o ControlPersist=60s", *options(places)]),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(home / "ssh/control"),
        "ANSIBLE_STDOUT_CALLBACK": "default",
    }


def hang_up(places: Places) -> None:
    """End the connections that Ansible keeps open, so that nothing of the unit is left when it ends."""
    for socket in (places.home / "ssh/control").glob("*"):
        subprocess.run(["ssh", "-F", "none", "-o", f"ControlPath={socket}", "-O", "exit", "runner"], capture_output=True, check=False)


def prune(folder: Path) -> None:
    """Keep the last logs, with room for one more."""
    for old in sorted(folder.glob("*.log"))[: -(LOGS - 1)]:
        old.unlink()


def _secret_files(places: Places) -> list[Path]:
    """What the playbooks leave beside the inventory: the administrator's kubeconfig, and keys that Kubespray makes once."""
    return sorted(path for name in ("artifacts", "credentials") for path in (places.inventory / name).rglob("*") if _small_text(path))


def _small_text(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size > 65536:  # kubectl may lie there, too
        return False
    try:
        path.read_text()
    except UnicodeDecodeError:
        return False
    return True


def _credentials(places: Places) -> list[str]:
    """What Kubespray makes up once. No other secret is known here: none may stand in the variables."""
    return [path.read_text() for path in _secret_files(places) if "credentials" in path.parts]


def main() -> int:
    os.umask(0o077)
    places = Places(Path(sys.argv[1]))
    return Run(places, read_json(places.run / "task.json")).go()


if __name__ == "__main__":
    sys.exit(main())
