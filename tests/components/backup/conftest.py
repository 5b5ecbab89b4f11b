"""The modules of the backup scripts, as they find each other on a machine."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from components.backup import plan

SCRIPTS = Path(plan.__file__).parent / "scripts"
MODULES = (
    *(path.stem for path in SCRIPTS.glob("*.py")),
    "converge",
)


@pytest.fixture(scope="session")
def modules() -> Iterator[SimpleNamespace]:
    """Every `*.py` of them by its name. Other features have modules of the same names: these are forgotten again."""
    known = {name: sys.modules.pop(name, None) for name in MODULES}
    folders = [str(SCRIPTS), str(SCRIPTS.parents[1] / "remote/scripts")]
    sys.path[:0] = folders
    found: dict[str, ModuleType] = {name: __import__(name) for name in MODULES}
    for folder in folders:
        sys.path.remove(folder)
    for name, module in known.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module
    yield SimpleNamespace(**found)


@pytest.fixture(scope="session")
def script(modules: SimpleNamespace):
    """The names of a script without `.py`, loaded and not run."""

    def load(name: str) -> SimpleNamespace:
        known = {module: sys.modules.get(module) for module in MODULES}
        sys.modules.update({module: getattr(modules, module) for module in MODULES})
        try:
            names = {"__name__": name, "__file__": str(SCRIPTS / name)}
            exec(compile((SCRIPTS / name).read_text(), name, "exec"), names)
        finally:
            for module, before in known.items():
                sys.modules.pop(module, None)
                if before is not None:
                    sys.modules[module] = before
        return SimpleNamespace(**names)

    return load
