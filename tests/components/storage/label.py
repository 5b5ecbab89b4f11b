"""An OSD's label as Ceph writes it, for tests that have no Ceph."""

import struct
import uuid
from collections.abc import Mapping

MAGIC = b"bluestore block device\n"


def label(identity: str, said: Mapping[str, str]) -> bytes:
    """The first block of a device: whose it is, and the texts `said` (whoami, ceph_fsid, mkfs_done, …)."""
    body = uuid.UUID(identity).bytes + struct.pack("<QII", 1 << 30, 0, 0) + _text("main") + struct.pack("<I", len(said))
    body += b"".join(_text(key) + _text(value) for key, value in sorted(said.items()))
    block = MAGIC + identity.encode() + b"\n" + struct.pack("<BBI", 2, 1, len(body)) + body + struct.pack("<I", 0)
    return block.ljust(4096, b"\0")


def _text(value: str) -> bytes:
    return struct.pack("<I", len(value)) + value.encode()
