"""What goes wrong, as every client sees it: one envelope, a code for programs, a message for people.

{"error": {"code": "text_too_long", "message": "...", "request_id": "..."}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Scope

#: Codes of errors that have no code of their own.
CODES = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    422: "invalid_request",
    500: "internal_error",
}


class ApiError(Exception):
    """An answer other than success.

    Args:
        status: HTTP status.
        code: what programs tell it by.
        message: what people read; never holds a request's text.
        headers: further headers of the answer.
    """

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def busy(code: str, message: str, seconds: int = 1) -> ApiError:
    """The 503 of a server that takes nothing now, and when to come again."""
    return ApiError(503, code, message, {"Retry-After": str(seconds)})


def error_response(error: ApiError, scope: Scope) -> Response:
    """The envelope."""
    body = {"error": {"code": error.code, "message": error.message, "request_id": scope["state"]["request_id"]}}
    content = json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(content, error.status, error.headers, "application/json")
