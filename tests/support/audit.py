"""The audit log of a test cluster; the counting is the benchmark's."""

from hack.bench.audit import WRITES, AuditLog, Request

__all__ = ["WRITES", "AuditLog", "Request"]
