"""Backoff: how long a failed step rests before it is tried again. PURE; the jitter is a hash, so a replay is exact."""

import hashlib

from paiwatch.catalog.service import Retries

#: Doubling stops mattering long before this; beyond, powers of two would not fit a float.
_MOST_DOUBLINGS = 60


def delay(service: str, digest: str, attempt: int, retries: Retries) -> float:
    """Seconds to wait after this many failures in a row: first * 2**(attempt - 1), at most max, times a jitter in [0.5, 1]."""
    doublings = min(attempt - 1, _MOST_DOUBLINGS)
    return min(retries.max, retries.first * 2.0**doublings) * _jitter(service, digest, attempt)


def _jitter(service: str, digest: str, attempt: int) -> float:
    """Spreads services that failed together; the same failure always rests equally long."""
    seed = hashlib.sha256(f"{service}\0{digest}\0{attempt}".encode()).digest()
    return 0.5 + int.from_bytes(seed[:7], "big") / 2**57
