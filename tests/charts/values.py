"""Values as Helm joins them, for tests: its rule written once more, apart from the program."""

from typing import Any


def join(below: Any, above: Any) -> Any:
    """Mappings key by key, anything else as a whole; null takes a default away."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    joined = {key: join(below.get(key), above[key]) if key in above else value for key, value in {**above, **below}.items()}
    return {key: value for key, value in joined.items() if value is not None or key not in above}
