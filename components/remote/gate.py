"""One resource in the place of many."""

from collections.abc import Mapping, Sequence

import pulumi


class Gate(pulumi.Stash):
    """Passes on what many resources said, once all of them have.

    Where everyone waits for everyone, a gate makes 2n dependencies of n², each of which the SDK follows to its roots and the state
    records. It is the engine's own kind of resource: no plug-in and no process runs for it.
    """

    def __init__(
        self,
        name: str,
        said: Mapping[str, pulumi.Input[str]] | None = None,
        *,
        after: Sequence[pulumi.Resource] = (),
        parent: pulumi.Resource,
    ) -> None:
        super().__init__(name, pulumi.ResourceOptions(parent=parent, depends_on=[*after]), input=dict(said or {}))

    @property
    def said(self) -> pulumi.Output[dict[str, str]]:
        """What was given, as it is now; `output`, which Stash has too, keeps what was given first."""
        return self.input
