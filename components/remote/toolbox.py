"""The scripts that run on machines, as data. Pure."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tarfile import TarInfo
from tarfile import open as tar

ROOT = "/usr/local/lib/homelab"
"""Where the toolbox lives on a machine, owned by root; `remote/run` there is the one entry point."""

INSTALL = (
    f'as=; [ "$(id -u)" = 0 ] || as="sudo -n"; '
    "$as flock --wait 120 /run/lock/homelab-toolbox timeout 120 "
    f"sh -c 'set -eu; umask 022; rm -rf {ROOT}.new {ROOT}.old; mkdir -p {ROOT}.new; "
    f"base64 -d | tar -x -C {ROOT}.new; [ -x {ROOT}.new/remote/run ]; "
    f"[ ! -e {ROOT} ] || mv {ROOT} {ROOT}.old; mv {ROOT}.new {ROOT}; rm -rf {ROOT}.old'"
)
"""Unpacks `archive()` from standard input beside the old toolbox and swaps the two, so that a removed script is gone too."""


@cache
def scripts() -> dict[str, bytes]:
    """`mesh/join` -> its bytes, for every file below `components/<feature>/scripts/`."""
    features = Path(__file__).parents[1]
    found = sorted(path for path in features.glob("*/scripts/**/*") if path.is_file() and "__pycache__" not in path.parts)
    return {_name(path.relative_to(features)): path.read_bytes() for path in found}


def digest(script: str) -> str:
    """Changes when this script, its feature's modules (`*.py`, which scripts import), or what all scripts share changes; never because
    of another script.

    Raises KeyError for a script that is not in the toolbox.
    """
    feature = script.split("/")[0]
    shared = [text for name, text in scripts().items() if name.startswith("remote/") or (name.startswith(f"{feature}/") and _module(name))]
    return sha256(b"\0".join([scripts()[script], *shared])).hexdigest()[:12]


def archive() -> str:
    """All scripts as text for a standard input: base64 of a tar, the same bytes on every computer, hence uncompressed."""
    packed = BytesIO()
    with tar(fileobj=packed, mode="w") as bundle:
        for name, text in scripts().items():
            entry = TarInfo(name)
            entry.size, entry.mode = len(text), 0o755
            bundle.addfile(entry, BytesIO(text))
    return b64encode(packed.getvalue()).decode()


def version() -> str:
    """Names the archive: another one when any script is."""
    return sha256(archive().encode()).hexdigest()[:12]


def _module(name: str) -> bool:
    return name.endswith(".py")


def _name(path: Path) -> str:
    feature, _, *rest = path.parts
    return "/".join([feature, *rest])
