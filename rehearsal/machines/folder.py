"""The folder that remembers one machine: `.rehearsal/machines/NAME/`."""

from dataclasses import dataclass
from pathlib import Path

from rehearsal import paths
from rehearsal.machines import process
from rehearsal.machines.process import Process
from rehearsal.machines.shell import MachineError
from rehearsal.machines.spec import Spec, from_json, to_json


def all_machines() -> Path:
    """The folder of all machines' folders."""
    return paths.state() / "machines"


@dataclass(frozen=True)
class Folder:
    """Paths of one machine's things, and its remembered spec."""

    name: str

    @property
    def path(self) -> Path:
        return all_machines() / self.name

    @property
    def root(self) -> Path:
        return self.path / "root"

    @property
    def disks(self) -> Path:
        return self.path / "disks"

    @property
    def console(self) -> Path:
        return self.path / "console.log"

    @property
    def pid(self) -> Path:
        return self.path / "pid"

    @property
    def lock(self) -> Path:
        return all_machines() / f".{self.name}.lock"

    def spec(self) -> Spec:
        """MachineError when there is none, or it is damaged."""
        try:
            return from_json((self.path / "spec.json").read_text())
        except FileNotFoundError as missing:
            raise MachineError(f"there is no machine {self.name}") from missing
        except (ValueError, KeyError, TypeError) as damaged:
            raise MachineError(f"machine {self.name}: its record is damaged ({damaged}); remove the machine") from damaged

    def remember(self, spec: Spec) -> None:
        """Keep the spec, readable by root only: it may hold a host key."""
        scratch = self.path / ".spec.new"
        self.path.mkdir(parents=True, exist_ok=True)
        scratch.touch(mode=0o600)
        scratch.write_text(to_json(spec))
        scratch.replace(self.path / "spec.json")

    def supervisor(self) -> Process | None:
        """The process that keeps the machine running, if it does."""
        return process.read(self.pid)
