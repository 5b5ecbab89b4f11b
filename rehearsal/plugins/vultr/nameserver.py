"""The name server of the rehearsal's internet: answers for the domains of the emulated account, and asks the host's own for all others.

python -m rehearsal.plugins.vultr.nameserver ADDRESS PORT RESOLVER ACCOUNT_FOLDER
"""

from __future__ import annotations

import socket
import socketserver
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from rehearsal.plugins.vultr.objects import DnsRecord
from rehearsal.plugins.vultr.store import Store
from rehearsal.plugins.vultr.zones import Zones

HEADER = struct.Struct("!HHHHHH")
A, CNAME, AAAA, ANY = 1, 5, 28, 255
TYPES = {"A": A, "CNAME": CNAME, "AAAA": AAAA}
RESPONSE, AUTHORITATIVE, RECURSION_WANTED, RECURSION_DONE = 0x8000, 0x0400, 0x0100, 0x0080
NO_ERROR, NO_SUCH_NAME = 0, 3
PORT = 53  # of the host's resolver
PATIENCE = 5.0  # seconds for the host's resolver
CHAIN = 8  # CNAMEs in a row


@dataclass(frozen=True)
class Question:
    """`end`: where its bytes end in the message."""

    number: int
    flags: int
    name: str
    type: int
    end: int


def parse(message: bytes) -> Question | None:
    """The one question of a query; None for anything else."""
    if len(message) < HEADER.size:
        return None
    number, flags, questions, *_ = HEADER.unpack_from(message)
    if flags & RESPONSE or questions != 1:
        return None
    labels, at = [], HEADER.size
    try:
        while length := message[at]:
            if length > 63:
                return None
            labels.append(message[at + 1 : at + 1 + length].decode("ascii"))
            at += 1 + length
        (kind,) = struct.unpack_from("!H", message, at + 1)
    except (IndexError, UnicodeDecodeError, struct.error):
        return None
    return Question(number, flags, ".".join(labels).lower(), kind, at + 5)


def answer(message: bytes, zones: Zones) -> bytes | None:
    """The whole answer when the name lies in a domain of the account; None when another server must be asked."""
    question = parse(message)
    if question is None or (domain := zone_of(question.name, zones)) is None:
        return None
    records = list(_resolved(question.name, question.type, domain, zones))
    code = NO_ERROR if records or _exists(question.name, domain, zones) else NO_SUCH_NAME
    flags = RESPONSE | AUTHORITATIVE | RECURSION_DONE | question.flags & RECURSION_WANTED | code
    head = HEADER.pack(question.number, flags, 1, len(records), 0, 0)
    return head + message[HEADER.size : question.end] + b"".join(map(_wire, records))


def zone_of(name: str, zones: Zones) -> str | None:
    """The longest domain of the account that the name lies in."""
    found = [one.domain for one in zones.domains() if name == one.domain or name.endswith(f".{one.domain}")]
    return max(found, key=len, default=None)


def _resolved(name: str, kind: int, domain: str, zones: Zones) -> Iterator[tuple[str, DnsRecord]]:
    """Records under the names that they answer for; a CNAME leads on while it stays in the domain."""
    for _ in range(CHAIN):
        held = _named(name, domain, zones)
        yield from ((name, record) for record in held if kind in (ANY, TYPES.get(record.type)) and record.type != "CNAME")
        alias = next((record for record in held if record.type == "CNAME"), None)
        if alias is None:
            return
        yield name, alias
        name = alias.data.rstrip(".").lower()
        if kind == CNAME or not f".{name}".endswith(f".{domain}"):
            return


def _exists(name: str, domain: str, zones: Zones) -> bool:
    """Whether the name is there, if only with other records or with names below it: who hears no takes the whole branch for gone."""
    below = f".{name}".removesuffix(f".{domain}")
    return not below or bool(_named(name, domain, zones)) or any(f".{one.name}".endswith(below) for one in zones.records(domain))


def _named(name: str, domain: str, zones: Zones) -> list[DnsRecord]:
    """The records of a name, else those of the nearest `*` above it."""
    below = name.removesuffix(domain).rstrip(".")
    records = zones.records(domain)
    wanted = [below]
    while below:
        below = below.partition(".")[2]
        wanted.append(f"*.{below}".rstrip("."))
    return next((found for one in wanted if (found := [record for record in records if record.name == one])), [])


def _wire(item: tuple[str, DnsRecord]) -> bytes:
    name, record = item
    data = _encoded(record.data.rstrip(".")) if record.type == "CNAME" else ip_address(record.data).packed
    return _encoded(name) + struct.pack("!HHIH", TYPES[record.type], 1, record.ttl, len(data)) + data


def _encoded(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def ask(message: bytes, resolver: str) -> bytes | None:
    """The other server's answer as it comes; None when there is none in time."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.connect((resolver, PORT))
        try:
            client.send(message)
            return client.recv(65535)
        except OSError:
            return None


def serve(address: str, port: int, resolver: str, account: Path) -> None:
    """Answers for ever."""
    zones = Zones(Store(account))

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            message, answering = self.request
            if reply := answer(message, zones) or ask(message, resolver):
                answering.sendto(reply, self.client_address)

    with socketserver.ThreadingUDPServer((address, port), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
