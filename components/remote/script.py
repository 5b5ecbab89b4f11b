"""One run of a toolbox script on one machine."""

import shlex
from collections.abc import Sequence

import pulumi
from pulumi_command import remote

from components.remote.machine import Machine
from components.remote.toolbox import ROOT, digest


class RemoteScript(remote.Command):
    """Converges on create and again on every change of script, arguments, stdin or deadline: always an update in place.

    It runs anew when the machine's anchor is replaced. Nothing is ever undone: the engine would ask the old system, which is not there any
    more. What is not wanted any more is told to the script, which takes it away. Live or secret values travel by `stdin`: `arguments` takes
    plain strings only, so the type checker keeps them out of command lines, and out of the errors that print them. `public` shows the
    script's progress (its standard error, short lines) and leaves its standard output readable in the state; everything else is secret.
    `deadline` is in seconds.
    """

    def __init__(
        self,
        name: str,
        machine: Machine,
        script: str,
        arguments: Sequence[str] = (),
        *,
        stdin: pulumi.Input[str] | None = None,
        deadline: int = 300,
        public: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        run = [f"{ROOT}/remote/run", "--deadline", str(deadline)]
        super().__init__(
            name,
            connection=machine.connection,
            create=shlex.join([*run, "--digest", digest(script), script, *arguments]),
            stdin=stdin,
            logging=remote.Logging.STDERR if public else remote.Logging.NONE,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions.merge(
                opts,
                pulumi.ResourceOptions(
                    depends_on=list(machine.ready),
                    deleted_with=machine.anchor,
                    replace_with=[machine.anchor],
                    additional_secret_outputs=[] if public else ["stdout", "stderr"],
                ),
            ),
        )
