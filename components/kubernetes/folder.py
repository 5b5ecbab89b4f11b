"""A folder of playbooks on the operator's computer: what it holds, and how it travels. Reads files; imports without pulumi."""

from __future__ import annotations

import tarfile
from hashlib import sha256
from io import BytesIO
from pathlib import Path

LEFT_OUT = {".git", "__pycache__", ".venv", ".ansible"}


def files(folder: Path) -> list[Path]:
    """Everything in it that playbooks may need, in a fixed order. OSError when there is no such folder or no cluster.yml in it."""
    if not (folder / "cluster.yml").is_file():
        raise OSError(f"{folder} has no cluster.yml: homelab:kubernetes.kubespray.folder must be a folder of Kubespray's kind of playbooks")
    found = [path for path in folder.rglob("*") if not LEFT_OUT.intersection(path.relative_to(folder).parts)]
    return sorted(path for path in found if path.is_file() or path.is_symlink())


def digest(folder: Path) -> str:
    """Changes when anything in it does that playbooks could notice."""
    said = sha256()
    for path in files(folder):
        link = path.is_symlink()
        kind = "link" if link else "program" if path.stat().st_mode & 0o100 else "file"
        text = str(path.readlink()).encode() if link else path.read_bytes()
        said.update(f"{path.relative_to(folder)}\0{kind}\0{len(text)}\0".encode() + text)
    return said.hexdigest()


def archive(folder: Path) -> bytes:
    """A compressed tar of it."""
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as bundle:
        for path in files(folder):
            bundle.add(path, str(path.relative_to(folder)), recursive=False)
    return packed.getvalue()
