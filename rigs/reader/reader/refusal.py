"""How this reader says no."""

from __future__ import annotations


class Refused(Exception):
    """What was read breaks a numbered check of a spec page (or a refusal or check named there)."""

    def __init__(self, check: str, why: str) -> None:
        super().__init__(f"{check}: {why}")
        self.check = check
        self.why = why


def require(condition: bool, check: str, why: str) -> None:
    """Refuses with `check` unless `condition` holds."""
    if not condition:
        raise Refused(check, why)
