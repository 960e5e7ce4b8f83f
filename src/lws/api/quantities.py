"""Resource quantities: ``500m``, ``1.5Gi``, ``1e3``. Exact arithmetic and the canonical spelling.

A revision stores quantities as upstream's library would write them, so the spelling rules
(reconcilers.md, 4.8) are part of the revision key. Nothing here knows what a quantity measures.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

Format = Literal["decimal", "binary", "exponent"]

_SPELLING: Final = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>[0-9]*)(?:\.(?P<fraction>[0-9]*))?(?P<suffix>[EPTGMK]i|[numkMGTPE]?|[eE][+-]?[0-9]+)"
)
_DECIMAL_SUFFIXES: Final = dict(
    zip(range(-9, 19, 3), ("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), strict=True)
)
_DECIMAL_EXPONENTS: Final = {suffix: exponent for exponent, suffix in _DECIMAL_SUFFIXES.items()}
_BINARY_SUFFIXES: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
# A whole number with at most so many digits that no multiple of 8 spoils is written as it was read.
_BINARY_DIGITS_KEPT: Final = {"Ki": 11, "Mi": 8, "Gi": 5, "Ti": 2}
_DIGITS_KEPT: Final = 18
_SMALLEST_EXPONENT: Final = -9
_LARGEST_BINARY: Final = 2**63 - 1
# Arithmetic writes all digits out; the exponent is the user's, so it must not decide how many there are.
_LARGEST_SUMMED_EXPONENT: Final = 300


class Quantity(NamedTuple):
    """The exact value ``mantissa * 10**exponent``, and the form it is written in."""

    mantissa: int
    exponent: int = 0
    format: Format = "decimal"

    def __str__(self) -> str:
        """The canonical spelling."""
        if not self.mantissa:
            return "0"
        return (self.format == "binary" and _spell_binary(self)) or _spell_decimal(self)

    def plus(self, other: Quantity) -> Quantity:
        """The sum, in the form of the first that is not zero. Raises ValueError beyond 10^300."""
        exponent = min(self.exponent, other.exponent)
        mantissa = _mantissa_at(self, exponent) + _mantissa_at(other, exponent)
        return Quantity(mantissa, exponent, self.format if self.mantissa else other.format)

    def times(self, count: int) -> Quantity:
        """So many of this."""
        return self._replace(mantissa=self.mantissa * count)

    def exceeds(self, other: Quantity) -> bool:
        """Whether the value is larger. Raises ValueError beyond 10^300."""
        exponent = min(self.exponent, other.exponent)
        return _mantissa_at(self, exponent) > _mantissa_at(other, exponent)


def parse_quantity(text: str) -> Quantity:
    """Read a quantity; digits beyond 10^-9 are rounded away from zero, binary ones capped at 2^63-1.

    Raises ValueError when ``text`` is no quantity.
    """
    return _quantity(_match(text))


def canonical_quantity(text: str) -> str:
    """``text`` as upstream's library writes it again (reconcilers.md, 4.8, Quantities).

    Raises ValueError when ``text`` is no quantity.
    """
    match = _match(text)
    return text if _kept_as_spelled(text, match) else str(_quantity(match))


def _match(text: str) -> re.Match[str]:
    match = _SPELLING.fullmatch(text)
    if match is None or not text:
        raise ValueError(f"{text!r} is no quantity")
    return match


def _kept_as_spelled(text: str, match: re.Match[str]) -> bool:
    """Rule 1: small enough for upstream's fast path, and nothing to be shortened."""
    whole, fraction, suffix = match["whole"].lstrip("0") or "0", match["fraction"] or "", match["suffix"]
    if suffix.endswith("i"):
        return not fraction and len(whole) <= _BINARY_DIGITS_KEPT.get(suffix, 0) and int(whole) % 8 != 0
    digits = whole + fraction
    scale = _exponent_of(suffix) - len(fraction)
    kept = len(digits) <= _DIGITS_KEPT and scale >= _SMALLEST_EXPONENT and scale % 3 == 0
    return text == "0" or (kept and digits[0] != "0" and not digits.endswith("000"))


def _exponent_of(suffix: str) -> int:
    """Power of ten of a decimal suffix or of an exponent."""
    known = _DECIMAL_EXPONENTS.get(suffix)
    return int(suffix[1:]) if known is None else known


def _quantity(match: re.Match[str]) -> Quantity:
    """Rule 2: the exact value, rounded and capped."""
    fraction, suffix = match["fraction"] or "", match["suffix"]
    magnitude, exponent = int((match["whole"] + fraction) or "0"), -len(fraction)
    form: Format = "exponent" if suffix[:1] in ("e", "E") and len(suffix) > 1 else "decimal"
    if suffix.endswith("i"):
        form, magnitude = "binary", magnitude << (10 * _BINARY_SUFFIXES.index(suffix))
    else:
        exponent += _exponent_of(suffix)
    magnitude, exponent = _rounded(magnitude, exponent)
    if form == "binary" and magnitude > _LARGEST_BINARY * 10**-exponent:
        magnitude, exponent = _LARGEST_BINARY, 0
    return Quantity(-magnitude if match["sign"] == "-" else magnitude, exponent, form)


def _rounded(magnitude: int, exponent: int) -> tuple[int, int]:
    """Without digits beyond 10⁻⁹, rounded up. A long tail is never written out as a power of ten."""
    surplus = _SMALLEST_EXPONENT - exponent
    if surplus <= 0 or not magnitude:
        return magnitude, max(exponent, _SMALLEST_EXPONENT)
    if surplus > len(str(magnitude)):
        return 1, _SMALLEST_EXPONENT
    whole, rest = divmod(magnitude, 10**surplus)
    return whole + bool(rest), _SMALLEST_EXPONENT


def _mantissa_at(quantity: Quantity, exponent: int) -> int:
    if not quantity.mantissa:
        return 0
    if quantity.exponent > _LARGEST_SUMMED_EXPONENT:
        raise ValueError(f"{quantity} is too large to calculate with")
    zeros = "0" * (quantity.exponent - exponent)
    return int(f"{quantity.mantissa}{zeros}")


def _spell_binary(quantity: Quantity) -> str:
    """Rule 3; empty when the value is no whole number of at least 1024, which is written as a decimal."""
    value, rest = divmod(abs(quantity.mantissa), 10 ** max(0, -quantity.exponent))
    value *= 10 ** max(0, quantity.exponent)
    if rest or value < 1024:
        return ""
    power = 0
    while value % 1024 == 0 and power < len(_BINARY_SUFFIXES) - 1:
        value, power = value // 1024, power + 1
    return f"{'-' if quantity.mantissa < 0 else ''}{value}{_BINARY_SUFFIXES[power]}"


def _spell_decimal(quantity: Quantity) -> str:
    """Rule 4: a whole number with the largest power of ten, in threes, that loses nothing."""
    digits = str(abs(quantity.mantissa))
    significant = digits.rstrip("0")
    exponent = quantity.exponent + len(digits) - len(significant)
    zeros = exponent % 3
    power = exponent - zeros
    if quantity.format == "exponent":
        suffix = f"e{power}" if power else ""
    else:
        suffix = _DECIMAL_SUFFIXES.get(power, "")
    return f"{'-' if quantity.mantissa < 0 else ''}{significant}{'0' * zeros}{suffix}"
