"""The storage of the rehearsed lab in the hands of a test."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rehearsal.machines.shell import wait_until
from tests.rehearsal.lab.lab import Lab

HOMES = ("leviathan", "absis")
MOUNT = "/srv/archive"
STALL = 150
"""Seconds that the file system may stand still when a home machine is gone: 25 until its OSDs count as down, 15 until its metadata server
does, and 45 that the next one waits for the clients of before, of which the machine was one."""

WRITE = """
import hashlib, json, os, sys, time
folder, megabytes, endless = sys.argv[1], int(sys.argv[2]), len(sys.argv) > 3
os.makedirs(folder, exist_ok=True)
number = 0
while True:
    data = os.urandom(megabytes << 20)
    path = f"{folder}/{number:04}"
    with open(path + ".new", "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + ".new", path)
    with open(f"{folder}.sums", "a") as sums:
        sums.write(json.dumps([path, hashlib.sha256(data).hexdigest(), time.time()]) + "\\n")
        sums.flush()
        os.fsync(sums.fileno())
    number += 1
    if not endless:
        break
    time.sleep(0.5)  # a steady hand: what it wrote while a machine was away has to heal afterwards
"""
CHECK = """
import hashlib, json, sys
lines = [json.loads(line) for line in open(sys.argv[1] + ".sums")]
for path, wanted, _ in lines:
    assert hashlib.sha256(open(path, "rb").read()).hexdigest() == wanted, path
print(len(lines))
"""
OBJECT = """
import base64, email.utils, hashlib, hmac, http.client, json, sys
said = json.load(sys.stdin)
def ask(method, path, body=b""):
    date = email.utils.formatdate(usegmt=True)
    signed = hmac.new(said["secretKey"].encode(), f"{method}\\n\\n\\n{date}\\n{path}".encode(), hashlib.sha1).digest()
    headers = {"Date": date, "Authorization": f"AWS {said['accessKey']}:{base64.b64encode(signed).decode()}"}
    talk = http.client.HTTPConnection(said["host"], 7480, timeout=30)
    talk.request(method, path, body, headers)
    answer = talk.getresponse()
    return answer.status, answer.read()
for method, path, body in said["asks"]:
    status, text = ask(method, path, body.encode())
    print(status, text.decode()[:200])
"""


def health(lab: Lab) -> str:
    """HEALTH_OK, HEALTH_WARN … with the reasons, as leviathan hears it."""
    return lab.inside("leviathan", "ceph", "--connect-timeout", "10", "health", "detail").stdout.strip()


def await_health(lab: Lab, seconds: float = 300) -> None:
    wait_until(lambda: health(lab) == "HEALTH_OK", seconds, lambda: f"the cluster does not heal: {health(lab)}")


def await_mounts(lab: Lab, *names: str, seconds: float = 180) -> None:
    def mounted() -> bool:
        return all(lab.inside(name, "mountpoint", "-q", MOUNT).returncode == 0 for name in names)

    wait_until(mounted, seconds, lambda: f"{MOUNT} is not mounted on all of {', '.join(names)}")


def write_once(lab: Lab, name: str, folder: str, megabytes: int) -> None:
    """One file of random bytes, and its sum, below apps/."""
    done = lab.inside(name, "python3", "-c", WRITE, f"{MOUNT}/apps/{folder}", str(megabytes), deadline=STALL)
    assert done.returncode == 0, done.stderr


def check(lab: Lab, name: str, folder: str) -> int:
    """All files of a folder have their sums, as this machine reads them; gives how many."""
    done = lab.inside(name, "python3", "-c", CHECK, f"{MOUNT}/apps/{folder}", deadline=300)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def written(lab: Lab, name: str, folder: str) -> int:
    """How many files a writer has finished, as this machine sees it."""
    return len(lab.inside(name, "cat", f"{MOUNT}/apps/{folder}.sums", deadline=STALL).stdout.splitlines())


@contextmanager
def writing(lab: Lab, name: str, folder: str) -> Iterator[None]:
    """Files of 1 MiB all the while, two a second at most, each synced and summed."""
    unit = f"writer-{folder}"
    argv = ("systemd-run", f"--unit={unit}", "--collect", "python3", "-c", WRITE, f"{MOUNT}/apps/{folder}", "1", "endless")
    started = lab.inside(name, *argv)
    assert started.returncode == 0, started.stderr
    try:
        wait_until(lambda: written(lab, name, folder) > 2, 60, lambda: f"the writer on {name} does not write")
        yield
    finally:
        lab.inside(name, "systemctl", "stop", unit, deadline=STALL)


def processes(lab: Lab, name: str) -> Mapping[str, str]:
    """Unit -> its main process, for everything of Ceph, of the mounts and of the disks."""
    patterns = ("ceph-*@*.service", "homelab-*.service", "tinc@*")
    listed = lab.inside(name, "systemctl", "list-units", "--plain", "--no-legend", "--state=active", *patterns).stdout
    units = [line.split()[0] for line in listed.splitlines()]
    return {unit: lab.inside(name, "systemctl", "show", "-P", "MainPID", unit).stdout.strip() for unit in units}


def object_storage(lab: Lab, host: str, *asks: tuple[str, str, str]) -> list[str]:
    """Answers of the gateway on a home machine to (method, path, body), with the keys of the stack's output."""
    said = {**lab.outputs()["objectStorage"], "host": host, "asks": asks}
    answered = lab.inside("leviathan", "python3", "-c", OBJECT, stdin=json.dumps(said))
    assert answered.returncode == 0, answered.stderr
    return answered.stdout.splitlines()
