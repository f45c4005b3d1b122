"""What can go wrong, as one tree. Each protocol's edge turns these into its own form of answer.

SpanhouseError
├── ConfigurationError      a setting is missing or makes no sense
├── Refused                 the caller must change something; retrying as it is cannot help
│   ├── Malformed           the bytes or text are not what the protocol says
│   ├── TooLarge            over a stated bound
│   ├── UnsupportedMedia    a content type or encoding that is not spoken here
│   ├── Unauthenticated     no key, or one that is unknown, expired or revoked
│   ├── Forbidden           a good key, but not for this
│   ├── Conflict            what the caller saw is another by now
│   ├── NotFound            nothing there, or nothing this caller may see
│   └── InvalidQuery        a query that is not in the language; carries the position
├── QueryCancelled          whoever asked no longer waits for the answer
└── Unavailable             try again later, carries when
    ├── RateLimited         over the instance's rate
    ├── StorageFull         the journal has reached its bound
    └── QueryLimitReached   the query ran into a limit; says what to narrow
"""

from __future__ import annotations


class SpanhouseError(Exception):
    """Base of all. `str(error)` is fit to be shown to the caller."""


class ConfigurationError(SpanhouseError):
    pass


class Refused(SpanhouseError):
    pass


class Malformed(Refused):
    pass


class TooLarge(Refused):
    pass


class UnsupportedMedia(Refused):
    pass


class Unauthenticated(Refused):
    pass


class Forbidden(Refused):
    pass


class Conflict(Refused):
    pass


class NotFound(Refused):
    pass


class InvalidQuery(Refused):
    """`line` and `column` count from 1; `expected` names what would have been right there."""

    def __init__(self, message: str, *, line: int = 1, column: int = 1, expected: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.expected = expected


class QueryCancelled(SpanhouseError):
    pass


class Unavailable(SpanhouseError):
    """`retry_after_seconds` is when a retry may succeed."""

    def __init__(self, message: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class RateLimited(Unavailable):
    pass


class StorageFull(Unavailable):
    pass


class QueryLimitReached(Unavailable):
    pass
