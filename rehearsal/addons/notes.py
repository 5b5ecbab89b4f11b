"""Where the repository names the build that the cluster runs: the playbooks, which give machines its images, and the charts.

Both are seen to have changed by what is in their folders, so an edited program reaches machines and pods by its name standing there.
`python -m rehearsal.addons.notes` writes it after an edit.
"""

import re
from pathlib import Path

from rehearsal import paths
from rehearsal.addons import install

NAMED = re.compile(r'(?m)^(addons_build: |appVersion: )"[0-9a-f]{8}"')


def files() -> list[Path]:
    """Those with a line that names the build."""
    folder = paths.checkout() / "rehearsal"
    return [folder / "kubespray/roles/cluster/defaults/main.yml", *sorted((folder / "charts").glob("*/Chart.yaml"))]


def text(said: str, key: str) -> str:
    """The same text with another build. ValueError when it names none."""
    written, lines = NAMED.subn(rf'\g<1>"{key}"', said)
    if lines != 1:
        raise ValueError(f"{lines} lines name a build, where one should")
    return written


def stale(key: str) -> list[Path]:
    """Files that name another build."""
    return [file for file in files() if text(file.read_text(), key) != file.read_text()]


if __name__ == "__main__":
    for file in stale(install.key()):
        file.write_text(text(file.read_text(), install.key()))
        print(f"{file.relative_to(paths.checkout())} names {install.key()} now")
