"""A process of its own for a stand-in: of the SDK it needs the protocol's messages only, and the rest takes long to import."""

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


def without_sdk() -> None:
    """From now on `pulumi.runtime.proto` can be imported in this process, and `pulumi` has nothing in it. Without an SDK, that import
    says so."""
    found = find_spec("pulumi")
    if found is None or found.origin is None:
        return
    folder = Path(found.origin).parent
    for name, place in (("pulumi", folder), ("pulumi.runtime", folder / "runtime")):
        empty = ModuleType(name)
        empty.__path__ = [str(place)]
        sys.modules[name] = empty
