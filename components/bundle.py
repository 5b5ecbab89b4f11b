"""What a client of the mesh installs: one feature makes its bundle, others add to it."""

from collections.abc import Mapping

import pulumi

Bundle = pulumi.Output[dict[str, dict[str, str]]]
"""{"files": {absolute path: text}}: what `homelab-client install` puts in place. Secret."""


def extended(bundle: Bundle, files: pulumi.Input[Mapping[str, pulumi.Input[str]]]) -> Bundle:
    """The bundle with further files, by absolute path."""
    known = pulumi.Output.all(bundle, files)
    return pulumi.Output.secret(known.apply(lambda both: {"files": {**both[0]["files"], **both[1]}}))
