"""Builds of Go modules without Go."""

from pathlib import Path
from types import ModuleType

import pytest

from rehearsal.engine.problem import EngineProblem


def fake_go(folder: Path, first: str) -> Path:
    """A Go that makes an empty program of each package and notes in a file `asked` beside it what it was asked.

    `first`: what it does before, in shell. Where a file `broken` is beside it, it fails in the end.
    """
    fake = folder / "go"
    fake.write_text(
        f"""#!/bin/sh
echo "$@" >>{folder}/asked
{first}
while [ "$1" != -o ]; do shift; done
out=$2; shift 2
for package; do : >"$out${{package##*/}}"; chmod +x "$out${{package##*/}}"; done
[ ! -e {folder}/broken ]
"""
    )
    fake.chmod(0o755)
    return fake


def a_failed_build_leaves_nothing(install: ModuleType, compiler: Path) -> None:
    """Holds for what `install` builds with that fake."""
    compiler.with_name("broken").touch()
    with pytest.raises(EngineProblem):
        install.ensure()
    assert not install.complete()
    assert [path.name for path in install.folder().parent.iterdir() if path.is_dir()] == []
