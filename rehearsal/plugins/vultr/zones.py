"""The DNS part of the account: domains and their records, one method a HTTP request, as in `cloud.py`."""

from __future__ import annotations

import dataclasses
import re
import uuid
from datetime import UTC, datetime
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any

from rehearsal.plugins.vultr.objects import DnsDomain, DnsRecord, Refused
from rehearsal.plugins.vultr.store import Store

DOMAINS, RECORDS = "domains", "dns-records"
LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
DOMAIN = re.compile(rf"{LABEL}(\.{LABEL})+")
NAME = re.compile(rf"(\*|{LABEL})(\.{LABEL})*|")  # below the domain; nothing is the domain itself


class Zones:
    def __init__(self, store: Store) -> None:
        self._store = store

    def create_domain(self, domain: str, dns_sec: str) -> DnsDomain:
        """POST /v2/domains"""
        if not DOMAIN.fullmatch(domain):
            raise Refused(400, "Invalid domain name")
        made = DnsDomain(domain, dns_sec, datetime.now(UTC).isoformat(timespec="seconds"))
        with self._store.locked():
            if self._store.get(DOMAINS, domain, DnsDomain):
                raise Refused(400, "Domain is already in this account")
            self._store.put(DOMAINS, domain, made)
        return made

    def domains(self) -> list[DnsDomain]:
        """GET /v2/domains"""
        return self._store.all(DOMAINS, DnsDomain)

    def domain(self, domain: str) -> DnsDomain:
        """GET /v2/domains/DOMAIN"""
        if found := self._store.get(DOMAINS, domain, DnsDomain):
            return found
        raise Refused(404, "Invalid domain")

    def change_domain(self, domain: str, dns_sec: str) -> None:
        """PUT /v2/domains/DOMAIN"""
        self._store.put(DOMAINS, domain, dataclasses.replace(self.domain(domain), dns_sec=dns_sec))

    def delete_domain(self, domain: str) -> None:
        """DELETE /v2/domains/DOMAIN; its records go with it."""
        self.domain(domain)
        with self._store.locked():
            for record in self.records(domain):
                self._store.drop(RECORDS, record.id)
            self._store.drop(DOMAINS, domain)

    def records(self, domain: str) -> list[DnsRecord]:
        """GET /v2/domains/DOMAIN/records"""
        return [record for record in self._store.all(RECORDS, DnsRecord) if record.domain == domain]

    def create_record(self, domain: str, **fields: Any) -> DnsRecord:
        """POST /v2/domains/DOMAIN/records; a second one that says the same is no error."""
        with self._store.locked():
            self.domain(domain)
            record = _checked(DnsRecord(id=str(uuid.uuid4()), domain=domain, **fields))
            self._store.put(RECORDS, record.id, record)
        return record

    def record(self, domain: str, record_id: str) -> DnsRecord:
        """GET /v2/domains/DOMAIN/records/ID"""
        self.domain(domain)
        found = self._store.get(RECORDS, record_id, DnsRecord)
        if found and found.domain == domain:
            return found
        raise Refused(404, "Invalid record")

    def change_record(self, domain: str, record_id: str, **changes: Any) -> None:
        """PATCH /v2/domains/DOMAIN/records/ID"""
        with self._store.locked():
            self._store.put(RECORDS, record_id, _checked(dataclasses.replace(self.record(domain, record_id), **changes)))

    def delete_record(self, domain: str, record_id: str) -> None:
        """DELETE /v2/domains/DOMAIN/records/ID"""
        self.record(domain, record_id)
        self._store.drop(RECORDS, record_id)


def _checked(record: DnsRecord) -> DnsRecord:
    if not NAME.fullmatch(record.name):
        raise Refused(400, "Invalid record name")
    try:
        if record.type == "A":
            IPv4Address(record.data)
        elif record.type == "AAAA":
            IPv6Address(record.data)
    except AddressValueError:
        raise Refused(400, f"Invalid {record.type} record data") from None
    return record
