"""The time server of the rehearsal's networks (SNTP, RFC 4330 server side): the host's own clock, told as stratum 5.

A stand-in: a real chronyd on the host would push the host's own time service away.
"""

import socket
import struct
import sys
import time

EPOCH = 2_208_988_800  # seconds from 1900 to 1970
PACKET = struct.Struct("!BBbbII4sQQQQ")
CLIENT, SERVER = 3, 4


def stamp(seconds: float) -> int:
    """Unix time as a 64-bit NTP time stamp."""
    return int((seconds + EPOCH) * 2**32) & (2**64 - 1)


def answer(question: bytes, received: float, sent: float) -> bytes | None:
    """The reply to a client's packet; None for anything else. Times are Unix seconds."""
    if len(question) < PACKET.size:
        return None
    first, _, poll, *_, transmitted = PACKET.unpack(question[: PACKET.size])
    version, mode = first >> 3 & 7, first & 7
    if mode != CLIENT:
        return None
    return PACKET.pack(version << 3 | SERVER, 5, poll, -20, 0, 1 << 8, b"LOCL", stamp(received), transmitted, stamp(received), stamp(sent))


def serve(address: str) -> None:
    """Answer for ever."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 123))
        while True:
            question, client = server.recvfrom(1024)
            received = time.time()
            if reply := answer(question, received, time.time()):
                server.sendto(reply, client)


if __name__ == "__main__":
    serve(sys.argv[1])
