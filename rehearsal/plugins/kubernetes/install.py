"""The official Kubernetes provider and the helm program, built from their Go modules, once for all checkouts of this user."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from rehearsal import paths
from rehearsal.engine.build import once
from rehearsal.engine.golang import build_line, environment, go
from rehearsal.engine.problem import EngineProblem
from rehearsal.engine.progress import Progress, run

LABEL = "4.34.2"  # the version that the plug-in says it has: the one that the Python package pulumi-kubernetes asks for
MODULE = "github.com/pulumi/pulumi-kubernetes/provider/v4"
HELM = "helm.sh/helm/v3"
BUILD = Path(__file__).with_name("build")
PLUGIN = "pulumi-resource-kubernetes"
DOCUMENTS = ("schema.json", "terraform-mapping.json")  # of the module's own main package, which cannot be built outside its repository
PROGRAMS = (PLUGIN, "bin/helm")  # apart: the engine takes a plug-in that it finds on PATH


def key() -> str:
    """Changes with what is built."""
    sources = [BUILD / "go.mod", BUILD / "go.sum", BUILD / PLUGIN / "main.go"]
    line = " ".join(compile_line(Path("go"), Path()))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources) + line.encode()).hexdigest()
    return f"{LABEL}-{digest[:8]}"


def folder() -> Path:
    """Where the programs of today's sources are, built or not."""
    return paths.cache() / f"plugin-kubernetes-{key()}"


def complete() -> bool:
    """Whether they are there."""
    return all(os.access(folder() / program, os.X_OK) for program in PROGRAMS)


def ensure() -> Path:
    """The folder, built first if need be (minutes, with lines of progress on stderr). Raises EngineProblem."""
    once(folder(), "the kubernetes plug-in", complete, _build)
    return folder()


def plugin() -> Path:
    """The plug-in's executable."""
    return ensure() / PLUGIN


def helm() -> Path:
    """The helm program, of the version that the plug-in has within itself."""
    return ensure() / "bin" / "helm"


def _build(target: Path) -> None:
    compiler = go(BUILD, paths.cache())
    sources, bin_folder = target / "sources", target / "bin"
    shutil.copytree(BUILD, sources)
    for document in DOCUMENTS:
        shutil.copyfile(_module(compiler) / "cmd" / PLUGIN / document, sources / PLUGIN / document)
    bin_folder.mkdir()
    progress = Progress("plug-ins: building the Kubernetes provider and helm (once; seven minutes)", "modules and packages")
    run(compile_line(compiler, bin_folder), progress, cwd=sources, env=environment())
    (bin_folder / PLUGIN).rename(target / PLUGIN)
    shutil.rmtree(sources)
    target.chmod(0o755)


def compile_line(compiler: Path, output: Path) -> list[str]:
    """The command that builds both programs into a folder: most of what they are made of is the same."""
    versions = dict(re.findall(r"^\t(\S+) (v\S+)", (BUILD / "go.mod").read_text(), re.MULTILINE))
    minor = versions["k8s.io/client-go"].split(".")[1]  # 0.33.3 is Kubernetes 1.33's: what helm takes a cluster for that it is not told
    stamps = {
        f"{MODULE}/pkg/version.Version": LABEL,
        f"{HELM}/internal/version.version": versions[HELM],
        f"{HELM}/pkg/lint/rules.k8sVersionMajor": "1",
        f"{HELM}/pkg/lint/rules.k8sVersionMinor": minor,
        f"{HELM}/pkg/chartutil.k8sVersionMajor": "1",
        f"{HELM}/pkg/chartutil.k8sVersionMinor": minor,
    }
    return build_line(compiler, output, [f"./{PLUGIN}", f"{HELM}/cmd/helm"], stamps)


def _module(compiler: Path) -> Path:
    """Where the provider's sources are; fetched first if need be."""
    line = [str(compiler), "mod", "download", "-json", MODULE]
    answer = subprocess.run(line, capture_output=True, text=True, cwd=BUILD, env=environment())
    found = re.search(r'"Dir": "([^"]+)"', answer.stdout)
    if answer.returncode != 0 or found is None:
        raise EngineProblem(f"the sources of {MODULE} cannot be had: {answer.stderr.strip() or answer.stdout.strip()}")
    return Path(found[1])


if __name__ == "__main__":
    print(ensure())
