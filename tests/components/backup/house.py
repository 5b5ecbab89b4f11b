"""Two machines that are namespaces of this host: `home` has the folder of all backups, `away` comes to it by SSH. Real Borg, real sshd.

Each has its own /etc, /var/lib, /root, /run and host name; of the rest they see this host. systemd is not there: `systemctl` and its
likes say yes to everything, and `systemd-run` puts its command into a session of its own.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.backup import new_passphrase
from rehearsal.machines.shell import wait_until

COMPONENTS = Path(__file__).parents[3] / "components"
SHARED = Path("/srv/archive")
FOLDER = f"{SHARED}/backups"
TOOLS = "/usr/local/lib/homelab/backup"
YES = "#!/bin/sh\nexit 0\n"
SYSTEMD_RUN = """#!/bin/sh
while :; do
    case $1 in
    --property=StandardError=append:*) log=${1#*append:}; shift ;;
    --*) shift ;;
    *) break ;;
    esac
done
setsid "$@" </dev/null >>"${log:-/dev/null}" 2>&1 &
"""
STORED = {"/": ("root", "etc", "var"), "/var": ("lib",)}
"""Folder -> what of it is a machine's own. Of this host nothing is stored."""

Run = subprocess.CompletedProcess[str]

# Its own mounts, hidden from everybody else; nothing of them stays when its last process ends.
ENTER = """set -eu
mount --make-rprivate /
mkdir -p /srv
mount -t tmpfs none /srv
mkdir -p /srv/archive
[ -z "$SHARED" ] || mount --bind "$SHARED" /srv/archive
for folder in etc root run var/lib usr/local/lib; do
    mount --bind "$HERE/$folder" "/$folder"
done
hostname "$NAME"
export PATH="$HERE/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME=/root LC_ALL=C.UTF-8
exec "$@"
"""


@dataclass
class Machine:
    """One of them. `shared`: what it has mounted at /srv/archive, or nothing."""

    name: str
    here: Path
    shared: Path | None
    children: list[subprocess.Popen[str]] = field(default_factory=list)

    def argv(self, *words: str) -> list[str]:
        return ["unshare", "--mount", "--uts", "--", "sh", "-c", ENTER, "sh", *words]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "HERE": str(self.here), "SHARED": str(self.shared or ""), "NAME": self.name}

    def run(self, *words: str, stdin: str = "", ok: bool = True, within: float = 120) -> Run:
        done = subprocess.run(self.argv(*words), env=self.environment, input=stdin, capture_output=True, text=True, timeout=within)
        assert not ok or done.returncode == 0, f"{words}:\n{done.stdout}\n{done.stderr}"
        return done

    def do(self, script: str, *words: str, stdin: Mapping[str, Any] | None = None, ok: bool = True) -> Run:
        """A script of the toolbox."""
        return self.run(f"{TOOLS}/{script}", *words, stdin=json.dumps(dict(stdin)) if stdin is not None else "", ok=ok)

    def start(self, *words: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(self.argv(*words), env=self.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.children.append(child)
        return child

    def end(self) -> None:
        for child in self.children:
            if child.returncode is None:
                kill(child)

    def last(self) -> dict[str, Any]:
        return dict(json.loads((self.here / "var/lib/homelab/backup/last.json").read_text()))


def machine(root: Path, name: str, shared: Path | None) -> Machine:
    here = root / name
    shutil.copytree("/etc", here / "etc", symlinks=True, ignore=shutil.ignore_patterns("ssl", "ca-certificates"))
    for folder in ("root/data", "run/lock", "run/sshd", "var/lib", "bin"):
        (here / folder).mkdir(parents=True)
    for feature in ("backup", "remote"):
        shutil.copytree(
            COMPONENTS / feature / "scripts", here / "usr/local/lib/homelab" / feature, ignore=shutil.ignore_patterns("__pycache__")
        )
    for command in ("systemctl", "systemd-analyze", "journalctl", "apt-get", "pkill"):  # one that kills would kill on this host
        (here / "bin" / command).write_text(YES)
    (here / "bin/systemd-run").write_text(SYSTEMD_RUN)
    for command in (here / "bin").iterdir():
        command.chmod(0o755)
    return Machine(name, here, shared)


@dataclass
class House:
    home: Machine
    away: Machine
    shared: Path
    port: int
    passphrases: dict[str, str]

    @property
    def folder(self) -> Path:
        """Of all backups, as this host sees it."""
        return self.shared / "backups"

    def told(self, name: str, excludes: tuple[str, ...] = ()) -> dict[str, Any]:
        """What `setup` of a machine reads."""
        remote = name == "away"
        key = (self.home.here / "etc/ssh/ssh_host_ed25519_key.pub").read_text().strip()
        path = f"{FOLDER}/{name}"
        others = [str(one) for above, kept in STORED.items() for one in Path(above).iterdir() if one.name not in kept]
        return {
            "name": name,
            "folder": FOLDER,
            "repository": f"ssh://homelab-backup{path}" if remote else path,
            "passphrase": self.passphrases[name],
            "entries": [{"address": "127.0.0.1", "port": self.port, "key": " ".join(key.split()[:2])}] if remote else [],
            "excludes": sorted({*others, *excludes}),
            "schedule": {"at": "*-*-* 02:30", "spread": 60},
            "limits": {"upload": 100_000_000, "cpuWeight": 20, "ioWeight": 20},
        }

    def keeper(self, key: str, **keep: int) -> dict[str, Any]:
        return {
            "folder": FOLDER,
            "uid": 59655,
            "keys": {"away": {"key": key, "from": "127.0.0.1"}},
            "repositories": {name: {"passphrase": phrase, "remote": name == "away"} for name, phrase in self.passphrases.items()},
            "retired": {},
            "keep": {"daily": 7, "weekly": 4, "monthly": 6, "yearly": 0, **keep},
            "checks": {"repository": 86400, "archives": 86400, "data": 86400},
            "limits": {"cpuWeight": 20, "ioWeight": 20},
        }

    def repositories(self) -> dict[str, Any]:
        said = self.keeper("")
        return {
            "folder": FOLDER,
            "filesystem": "archive",
            "directory": "backups",
            "quota": None,
            "storage": "one",
            "gid": 59655,
            "repositories": said["repositories"],
        }

    def data(self, one: Machine) -> Path:
        """What the machine has to store, as this host sees it; /root/data there."""
        return one.here / "root/data"


def build(root: Path) -> House:
    """Both machines, with everything set up as the program would."""
    shared = root / "cephfs"
    (shared / "backups").mkdir(parents=True)
    home, away = machine(root, "home", shared), machine(root, "away", None)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    house = House(home, away, shared, port, {"home": new_passphrase(), "away": new_passphrase()})
    for key in (home.here / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    home.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/ssh_host_ed25519_key")
    public = away.do("key").stdout
    home.do("keeper", stdin=house.keeper(public))
    # There is no Ceph here, whose admin sets the quota.
    (home.here / "usr/local/lib/homelab/backup/cephfs.py").write_text((Path(__file__).parent / "no_cephfs.py").read_text())
    keys = json.loads(home.do("repositories", stdin=house.repositories()).stdout)
    assert {*keys} == {"home", "away"} and all(key.startswith("BORG_KEY ") for key in keys.values())
    serve(house)
    for one in (home, away):
        one.do("setup", stdin=house.told(one.name))
    return house


def serve(house: House) -> None:
    """sshd of `home`, on loopback."""
    options = ["-o", "PidFile=none", "-o", "UsePAM=yes", "-o", "ListenAddress=127.0.0.1", "-p", str(house.port)]
    house.home.start("/usr/sbin/sshd", "-D", "-e", *options)

    def listens() -> bool:
        with socket.socket() as talk:
            return talk.connect_ex(("127.0.0.1", house.port)) == 0

    wait_until(listens, 10, lambda: "the sshd of the trial does not listen")


def family(pid: int) -> list[int]:
    """A process and all that it has started and that still run."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    parents = {int(child): int(parent) for child, parent in map(str.split, listed)}
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def kill(child: subprocess.Popen[str]) -> None:
    """As a power cut ends it, with all that it has started."""
    for pid in reversed(family(child.pid)):
        os.kill(pid, signal.SIGKILL)
    child.communicate()
