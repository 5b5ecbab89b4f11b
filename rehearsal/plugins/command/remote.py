"""command:remote:Command: a script that the user's login shell runs at the other end of a new SSH connection."""

from collections.abc import Mapping

from rehearsal.plugins import wire
from rehearsal.plugins.command import properties
from rehearsal.plugins.command.lifecycle import Command, Script
from rehearsal.plugins.command.output import Capture
from rehearsal.plugins.resource import Refused, Step
from rehearsal.plugins.wire import Properties


class RemoteCommand(Command):
    """An interrupted run ends the dialling, never a script that has been started: its result has to be recorded."""

    refused = ("environment",)

    async def check(self, step: Step, olds: Properties, news: Properties) -> Properties:
        inputs = await super().check(step, olds, news)
        given = wire.unwrap(inputs.get("connection"))
        if given is None or (isinstance(given, Mapping) and not given.get("host")):
            raise Refused(("connection.host" if given else "connection", "a remote command needs a host to connect to"))
        if isinstance(given, Mapping) and given.get("proxy") is not None:
            raise Refused(("connection.proxy", "the rehearsal's command stand-in does not do jump hosts"))
        return {**inputs, "connection": properties.checked(inputs["connection"])}

    async def run(self, script: Script, capture: Capture, step: Step) -> None:
        from rehearsal.plugins.command import session  # half of the start's time, and only for those that run a script

        await session.run(script, capture, step, self.interrupted)
