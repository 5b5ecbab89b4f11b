"""The end of the program, for `pulumi.run`."""

import asyncio


async def begun() -> None:
    """Ends the program only when every registration is on its way. Pulumi then waits for one after the other; else it would look at every
    output of every resource each time that one resource is done, which is half of a preview of a thousand."""
    await asyncio.sleep(0)
