"""Sizes as people read them. Pure."""


def gib(size: int) -> str:
    """1610612736 -> 1.5 GiB: memory."""
    return f"{size / 1024**3:.2f}".rstrip("0").rstrip(".") + " GiB"


def tb(size: int) -> str:
    """24000000000000 -> 24 TB: disks; small ones in GB."""
    value, unit = (size / 1000**4, "TB") if size >= 1000**4 else (size / 1000**3, "GB")
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"
