"""What the storage scripts share, besides what all scripts do: units, and one connection to the cluster's monitors."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "remote"))
from converge import active, install, remove, say, write

__all__ = ["active", "install", "remove", "say", "write"]

ME = os.uname().nodename
ETC, VAR, UNITS = Path("/etc/ceph"), Path("/var/lib/ceph"), Path("/etc/systemd/system")
CONF, ADMIN = ETC / "ceph.conf", ETC / "ceph.client.admin.keyring"
TOOLS = Path(__file__).resolve().parent
OPTIONS, USERS = "homelab/options", "homelab/users"
"""Where the cluster itself remembers, as JSON, what this program has set in it: only that may be taken out again."""


def stop(why: str) -> NoReturn:
    """End with a message for people."""
    sys.exit(f"{ME}: {why}")


def sh(*argv: str | Path, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command. A failure ends the script with what it complained of, never with its standard output: that may be a key."""
    done = subprocess.run([*map(str, argv)], input=stdin, capture_output=True, text=True)
    if check and done.returncode:
        stop(f"{' '.join(map(str, argv))} failed with status {done.returncode}:\n{done.stderr.strip()[-2000:]}")
    return done


def document() -> dict[str, Any]:
    """The JSON object on standard input."""
    return dict(json.load(sys.stdin))


def put(path: Path, text: str, mode: int = 0o600, owner: str = "ceph") -> bool:
    """A file of somebody else's, as a whole; True when its text was another."""
    changed: bool = write(path, text, mode)
    shutil.chown(path, owner, owner)
    return changed


def wait(done: Callable[[], bool], seconds: float, why: Callable[[], str], every: float = 0.5) -> None:
    """Until `done`; after `seconds` end with `why`."""
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            stop(why())
        time.sleep(every)


def stale(unit: str, *files: Path) -> bool:
    """Whether a unit runs since before one of its files became what it is: a run that was cut off is made good by the next one."""
    shown = sh("systemctl", "show", "--property=ActiveEnterTimestampMonotonic", "--value", unit, check=False).stdout.strip()
    since = time.time() - time.monotonic() + int(shown or 0) / 1e6
    return bool(active(unit)) and any(file.stat().st_mtime > since for file in files)


def run_unit(unit: str, *files: Path) -> None:
    """Enabled and started, again if one of its files is newer than it. Whether it runs well is for the caller to wait for: one that fails
    at first is started again by systemd."""
    sh("systemctl", "enable", "-q", unit, check=False)
    if active(unit) and not stale(unit, *files):
        return
    sh("systemctl", "reset-failed", unit, check=False)
    sh("systemctl", "restart", unit, check=False)


def end_unit(unit: str) -> None:
    """Stopped and no longer started at boot; one that is not there is fine."""
    sh("systemctl", "disable", "-q", "--now", unit, check=False)


def names_of(kind: str) -> list[str]:
    """Under which names there are folders of a kind of daemon: more than one where a machine got another name."""
    return sorted(path.name.partition("-")[2] for path in (VAR / kind).glob("ceph-*"))


def journal(unit: str, lines: int = 6) -> str:
    """The end of a unit's log."""
    return sh("journalctl", "-u", unit, "-n", str(lines), "--no-pager", "-o", "cat", check=False).stdout.strip()


def keyring(user: str, key: str) -> str:
    """The text of a keyring file."""
    return f"[{user}]\n\tkey = {key}\n"


class Cluster:
    """One connection to the monitors as client.admin. A command that fails ends the script with the monitors' words."""

    def __init__(self, patience: float = 60) -> None:
        import rados  # type: ignore[import-not-found]  # comes with ceph-common, so only where the base system has put it

        self._rados = rados.Rados(conffile=str(CONF), name="client.admin")
        self._rados.conf_set("client_mount_timeout", str(int(patience)))
        self._rados.conf_set("rados_mon_op_timeout", "60")
        try:
            self._rados.connect()
        except rados.Error as error:
            stop(f"no answer from the monitors within {patience:.0f} s ({error}): do enough of them run? `storage/status` shows it")

    def try_(self, prefix: str, stdin: str = "", **arguments: Any) -> tuple[int, str, str]:
        """(0 or a negative errno, output, words)."""
        question = json.dumps({"prefix": prefix, "format": "json", **arguments})
        code, output, words = self._rados.mon_command(question, stdin.encode())
        return code, output.decode(), words

    def ask(self, prefix: str, stdin: str = "", **arguments: Any) -> Any:
        """The answer as an object; None when there is none."""
        code, output, words = self.try_(prefix, stdin, **arguments)
        if code:
            stop(f"`ceph {prefix}` failed: {words or os.strerror(-code)}")
        try:
            return json.loads(output) if output.strip() else None
        except ValueError:
            return output

    def manager(self, prefix: str, **arguments: Any) -> None:
        """A command for the managers."""
        code, _, words = self._rados.mgr_command(json.dumps({"prefix": prefix, "format": "json", **arguments}), b"")
        if code:
            stop(f"`ceph {prefix}` failed: {words or os.strerror(-code)}")

    def user(self, name: str, caps: Mapping[str, str]) -> str:
        """The key of a user, which is made, or given exactly these capabilities, when it is not so yet."""
        said = [part for service, cap in sorted(caps.items()) for part in (service, cap)]
        code, output, _ = self.try_("auth get", entity=name)
        if code:
            say(f"making the user {name}")
            return str(self.ask("auth get-or-create", entity=name, caps=said)[0]["key"])
        have = json.loads(output)[0]
        if have["caps"] != dict(caps):
            say(f"changing what {name} may do")
            self.ask("auth caps", entity=name, caps=said)
        return str(have["key"])

    def remember(self, what: str, value: Any) -> None:
        """Keep an object in the cluster under OPTIONS or USERS."""
        text = json.dumps(value, sort_keys=True)
        if self.recall(what) != value:
            self.ask("config-key set", key=what, val=text)

    def recall(self, what: str) -> Any:
        """What was remembered, or None."""
        code, output, _ = self.try_("config-key get", key=what)
        return json.loads(output) if code == 0 and output.strip() else None


def fsid_of(conf: Path = CONF) -> str | None:
    """The cluster that a ceph.conf belongs to."""
    lines: Sequence[str] = conf.read_text().splitlines() if conf.exists() else ()
    return next((line.partition("=")[2].strip() for line in lines if line.split("=")[0].strip() == "fsid"), None)
