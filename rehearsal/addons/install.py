"""What the rehearsal's cluster runs in place of what only container registries have, built once for all checkouts of this user."""

import hashlib
import os
import shutil
from pathlib import Path

from rehearsal import paths
from rehearsal.addons import nginx
from rehearsal.engine.build import once
from rehearsal.engine.golang import build_line, environment, go, module_folder
from rehearsal.engine.progress import Progress, run

BUILD = Path(__file__).with_name("build")
PLACE = "/opt/homelab-rehearsal/addons"  # where the machines see `home`, read-only
PROGRAMS = ("certificates", "ingress", "metrics-server", "page", "volumes")
DEFINITIONS = "github.com/cert-manager/cert-manager"  # the module whose deploy/crds the program of that purpose applies
SOURCES = {".go", ".mod", ".sum", ".tmpl"}


def key() -> str:
    """Changes with what is built."""
    sources = sorted(path for path in BUILD.rglob("*") if path.suffix in SOURCES and not path.name.endswith("_test.go"))
    said = hashlib.sha256(nginx.folder().name.encode())
    for path in sources:
        said.update(f"{path.relative_to(BUILD)}\0".encode() + path.read_bytes())
    return said.hexdigest()[:8]


def home() -> Path:
    """The folder with all builds: machines that run see a new one at once."""
    return paths.cache() / "addons"


def folder() -> Path:
    """Where the programs of today's sources are, built or not."""
    return home() / key()


def place() -> str:
    """The same for machines."""
    return f"{PLACE}/{key()}"


def complete() -> bool:
    """Whether they are there."""
    programs = all(os.access(folder() / program, os.X_OK) for program in PROGRAMS)
    return programs and (folder() / "nginx" / nginx.PROGRAM).exists() and any((folder() / "crds").glob("*.yaml"))


def ensure() -> Path:
    """The folder, built first if need be (some minutes, with lines of progress on stderr). Raises EngineProblem."""
    once(folder(), "addons", complete, _build)
    return folder()


def _build(target: Path) -> None:
    compiler = go(BUILD, paths.cache())
    progress = Progress("addons: building what stands for the charts' images (once; a few minutes)", "modules and packages")
    run(compile_line(compiler, target), progress, cwd=BUILD, env=environment())
    definitions = module_folder(compiler, DEFINITIONS, BUILD) / "deploy" / "crds"
    shutil.copytree(definitions, target / "crds", ignore=shutil.ignore_patterns("*.md"))
    shutil.copytree(nginx.ensure(), target / "nginx", copy_function=shutil.copy)
    for path in (target, *target.rglob("*")):  # modules are read-only, and images take modes as they are
        path.chmod(0o755 if path.is_dir() or (os.access(path, os.X_OK) and path.suffix != ".yaml") else 0o644)


def compile_line(compiler: Path, output: Path) -> list[str]:
    """The command that builds the programs into a folder."""
    return ["nice", *build_line(compiler, output, [f"./{program}" for program in PROGRAMS], {})]


if __name__ == "__main__":
    print(ensure())
