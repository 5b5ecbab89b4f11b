"""The programs of the rehearsal's cluster, built from their Go modules, once for all checkouts of this user."""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rehearsal import paths
from rehearsal.engine.golang import go
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
    if not complete():
        paths.cache().mkdir(parents=True, exist_ok=True)
        with _alone(folder().with_name(f"{folder().name}.lock")):
            if not complete():
                _build(folder())
    return folder()


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("kubernetes: another build of it is under way, waiting for that one…", file=sys.stderr, flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build(target: Path) -> None:
    """Builds beside the folder and renames. The lock is held, so old scratch is nobody's."""
    for left in target.parent.glob(f".{target.name}.*"):
        shutil.rmtree(left)
    compiler = go(BUILD, target.parent)
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false -trimpath"}
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
        made = Path(scratch, "made")
        (made / "cni").mkdir(parents=True)
        for what, output, packages in (
            ("Kubernetes", made, ["./kube"]),
            ("etcd and CoreDNS", made, ["./etcd", "./coredns", "./pause"]),
            ("the network plug-ins", made / "cni", [f"{PLUGINS}/{plugin}" for plugin in CNI]),
        ):
            progress = Progress(f"kubernetes: building {what} (once; ten minutes in all)", "modules and packages")
            run(compile_line(compiler, output, packages), progress, cwd=BUILD, env=environment)
        shutil.rmtree(target, ignore_errors=True)
        made.chmod(0o755)
        made.rename(target)


def compile_line(compiler: Path, output: Path, packages: list[str]) -> list[str]:
    """The command that builds packages into a folder."""
    major, minor, _ = VERSION.split(".")
    said = {"gitVersion": f"v{VERSION}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    stamps = " ".join(f"-X {STAMP}.{name}={value}" for name, value in said.items())
    options = ["-v", "-tags", "osusergo,netgo,grpcnotrace", "-ldflags", f"-s -w {stamps}"]
    return [str(compiler), "build", *options, "-o", f"{output}/", *packages]


if __name__ == "__main__":
    print(ensure())
