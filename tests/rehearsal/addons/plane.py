"""The programs at work for a control plane without machines."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rehearsal.addons import install
from tests.rehearsal.plugins.kubernetes.control_plane import ControlPlane


class Plane:
    """Objects of that control plane, and programs that work for it. `folder`: kubeconfig and logs."""

    def __init__(self, control: ControlPlane, folder: Path) -> None:
        self._control, self.folder, self.kubeconfig = control, folder, folder / "kubeconfig.of-programs"
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.write_text(control.kubeconfig())
        self.kubectl = control.ask

    def apply(self, *objects: Mapping[str, Any]) -> None:
        file = self.folder / "objects.json"
        file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        self.kubectl("apply", "--server-side", f"--filename={file}")

    def get(self, *words: str) -> dict[str, Any]:
        """An object, or a list; empty while it is not there."""
        return dict(self._control.get(*words) or {})

    @contextmanager
    def program(self, name: str, *arguments: str, words: Sequence[str] = ()) -> Iterator["subprocess.Popen[bytes]"]:
        """One of the addons, ended in the end, with a log of its name. `words`: the program, if it is not the built one."""
        argv = [*(words or [str(install.folder() / name)]), f"--kubeconfig={self.kubeconfig}", *arguments]
        with running(argv, self.folder / f"{name}.log") as process:
            yield process

    def log(self, name: str) -> str:
        """The end of what a program said, without the requests that it answered."""
        lines = (self.folder / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if " - - [" not in line][-30:])


@contextmanager
def running(argv: Sequence[str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process with its own log, ended when the block ends."""
    with log.open("wb") as out:
        log.chmod(0o666)  # nginx opens it once more, whoever it runs as
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
