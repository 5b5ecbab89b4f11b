"""Sizes as Kubernetes writes them. Pure."""

MIB, GIB = 1024**2, 1024**3


def quantity(size: int) -> str:
    """21474836480 -> 20Gi; anything that is no whole number of MiB is rounded up to one."""
    return f"{size // GIB}Gi" if size % GIB == 0 else f"{-(-size // MIB)}Mi"
