"""The one renderer of configuration files from `components/<feature>/templates/`. Pure but for reading packaged files."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render(feature: str, template: str, **values: object) -> str:
    """The text of `template` with `values`; a missing value is an error (jinja2.UndefinedError), never an empty text."""
    return _environment(feature).get_template(template).render(values)


@cache
def _environment(feature: str) -> Environment:
    folder = Path(__file__).parent / feature / "templates"
    # Configuration files are no HTML: nothing may be escaped in them.
    return Environment(
        loader=FileSystemLoader(folder), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
