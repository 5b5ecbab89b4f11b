"""nginx of Debian with the libraries it loads, and nothing else: what the ingress controller's image is made of. Needs root."""

import hashlib
import re
import shutil
import tempfile
from pathlib import Path

from rehearsal import paths
from rehearsal.engine.build import once
from rehearsal.machines.image import SUITE, delete
from rehearsal.machines.progress import step
from rehearsal.machines.shell import MachineError, run

PROGRAM, LOADER = "usr/sbin/nginx", "lib64/ld-linux-x86-64.so.2"
ACCOUNTS = {
    "etc/passwd": "root:x:0:0:root:/:/sbin/nologin\nnginx:x:101:101:nginx:/:/sbin/nologin\n",
    "etc/group": "root:x:0:\nnginx:x:101:\n",
}
RECIPE = 1  # raise it when anything below changes what is in the folder


def folder() -> Path:
    """Where it is, made or not."""
    key = hashlib.sha256(repr((SUITE, ACCOUNTS, RECIPE)).encode()).hexdigest()[:8]
    return paths.cache() / f"nginx-{key}"


def ensure() -> Path:
    """A folder with the files as they stand in the image, fetched first if need be (half a minute)."""
    once(folder(), "nginx", lambda: (folder() / PROGRAM).exists(), _make)
    return folder()


def libraries(said: str) -> list[str]:
    """The files that the loader names as those a program loads."""
    return sorted(set(re.findall(r"(?:=> |^\s*)(/\S+) \(0x", said, re.MULTILINE)))


def _make(target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".nginx.", dir=target.parent.parent) as scratch, step("nginx, of Debian"):
        root = Path(scratch, "root")
        try:
            run("mmdebstrap", "--variant=extract", "--include=nginx", SUITE, str(root), timeout=600)
            said = run("chroot", str(root), f"/{LOADER}", "--list", f"/{PROGRAM}")
            wanted = [PROGRAM, *(name.lstrip("/") for name in libraries(said))]
            if len(wanted) < 3:
                raise MachineError(f"nginx names none of the libraries it loads: {said}")
            for name in wanted:
                place = target / name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(root / name, place)
        finally:
            delete(root)
    for name, text in ACCOUNTS.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(text)
    target.chmod(0o755)
