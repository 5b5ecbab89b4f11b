"""Where on the shared file system all backups are. Pure."""

DIRECTORY = "backups"
"""Repositories lie below, each under its owner's name."""


def among(path: str) -> bool:
    """Whether a path on the shared file system is in it."""
    return path.split("/")[0] == DIRECTORY
