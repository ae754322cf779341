"""What a misspelt name may have meant."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like it; None when none is."""
    import difflib  # 5 ms that only mistakes should cost

    found = difflib.get_close_matches(name, list(known), n=1)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """How a sentence goes on and ends: ``; did you mean 'NAME'?``, or only its full stop."""
    found = nearest(name, known)
    return f"; did you mean {found!r}?" if found else "."
