"""What goes wrong in the shop. Each is raised for real, so that spans carry real stack traces."""

from __future__ import annotations


class ShopError(Exception):
    """`status` is the HTTP status a service answers it with, `code` the gRPC one."""

    status = 500
    code = "INTERNAL"


class CardDeclined(ShopError):
    status, code = 402, "FAILED_PRECONDITION"


class SuspectedFraud(ShopError):
    status, code = 403, "PERMISSION_DENIED"


class OutOfStock(ShopError):
    status, code = 409, "FAILED_PRECONDITION"


class NoSuchProduct(ShopError):
    status, code = 404, "NOT_FOUND"


class BankTimeout(ShopError):
    status, code = 504, "DEADLINE_EXCEEDED"


class Deadlock(ShopError):
    status, code = 503, "ABORTED"


class StatementTimeout(ShopError):
    status, code = 504, "DEADLINE_EXCEEDED"


class BadTemplate(ShopError):
    pass


class CallFailed(ShopError):
    """A service that was called answered with a failure, which is passed on."""

    def __init__(self, message: str, status: int, code: str = "UNKNOWN") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
