"""The programs of the rehearsal's cluster, built from their Go modules, once for all checkouts of this user."""

import hashlib
import os
from pathlib import Path

from rehearsal import paths
from rehearsal.engine.build import once
from rehearsal.engine.golang import build_line, environment, go
from rehearsal.engine.progress import Progress, run

VERSION = "1.35.4"
BUILD = Path(__file__).with_name("build")
PLACE = "/opt/homelab-rehearsal/kubernetes"  # where the machines see the folder, read-only
STAMP = "k8s.io/component-base/version"
PLUGINS = "github.com/containernetworking/plugins/plugins"
CNI = ("ipam/host-local", "main/bridge", "main/loopback", "meta/portmap")
PROGRAMS = ("kube", "etcd", "coredns", "pause", *(f"cni/{plugin.rpartition('/')[2]}" for plugin in CNI))


def key() -> str:
    """Changes with what is built."""
    sources = sorted(path for path in BUILD.rglob("*") if path.suffix in {".go", ".mod", ".sum"})
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    return f"{VERSION}-{digest[:8]}"


def folder() -> Path:
    """Where the programs of today's sources are, built or not."""
    return paths.cache() / f"kubernetes-{key()}"


def complete() -> bool:
    """Whether they are there."""
    return all(os.access(folder() / program, os.X_OK) for program in PROGRAMS)


def ensure() -> Path:
    """The folder, built first if need be (some ten minutes, with lines of progress on stderr). Raises EngineProblem.

    Of two who ask at once one builds and one waits; a build that is killed leaves nothing in the cache.
    """
    once(folder(), "kubernetes", complete, _build)
    return folder()


def _build(target: Path) -> None:
    compiler = go(BUILD, paths.cache())
    (target / "cni").mkdir()
    for what, output, packages in (
        ("Kubernetes", target, ["./kube"]),
        ("etcd and CoreDNS", target, ["./etcd", "./coredns", "./pause"]),
        ("the network plug-ins", target / "cni", [f"{PLUGINS}/{plugin}" for plugin in CNI]),
    ):
        progress = Progress(f"kubernetes: building {what} (once; ten minutes in all)", "modules and packages")
        run(compile_line(compiler, output, packages), progress, cwd=BUILD, env=environment())
    target.chmod(0o755)


def compile_line(compiler: Path, output: Path, packages: list[str]) -> list[str]:
    """The command that builds packages into a folder."""
    major, minor, _ = VERSION.split(".")
    said = {"gitVersion": f"v{VERSION}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return build_line(compiler, output, packages, {f"{STAMP}.{name}": value for name, value in said.items()})


if __name__ == "__main__":
    print(ensure())
