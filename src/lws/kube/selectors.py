"""Label and field selectors as the API server parses them. Text only; nothing is evaluated here."""

from __future__ import annotations


def exists(key: str) -> str:
    """Objects that carry this label, whatever its value."""
    return key


def absent(key: str) -> str:
    """Objects without this label."""
    return f"!{key}"


def equals(key: str, value: str) -> str:
    """Objects whose label or field has this value."""
    return f"{key}={value}"


def all_of(*requirements: str) -> str:
    """Objects that meet every requirement; ``""`` (no requirement) selects everything."""
    return ",".join(requirement for requirement in requirements if requirement)
