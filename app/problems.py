"""Errors of the HTTP API as RFC 9457 problem documents (`application/problem+json`): one shape for every refusal."""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from app.database import DatabaseBusy, DatabaseUnreachable, DataNotReady, ReadError
from app.paging import InvalidCursor

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_REFERENCE = "#/components/schemas/{model}"
_READ_PROBLEMS = {
    DatabaseUnreachable: "database-unreachable",
    DataNotReady: "data-not-ready",
    DatabaseBusy: "database-busy",
}


class FieldProblem(BaseModel):
    """What is wrong with one parameter."""

    parameter: str
    message: str


class Problem(BaseModel):
    """RFC 9457. `type` is a stable name to branch on, `detail` is for people."""

    type: str = Field(examples=["/problems/bad-cursor"])
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []


def document_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route for OpenAPI: these statuses answer with a `Problem`."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}},
        }
        for status in statuses
    }


def handle_problems(api: FastAPI) -> None:
    """Make every error of `api` a problem document; nothing that a caller sends is repeated back."""
    generate_openapi = api.openapi

    def describe_with_problems() -> dict[str, Any]:
        described = generate_openapi()
        problem = Problem.model_json_schema(ref_template=_REFERENCE)
        nested = problem.pop("$defs", {})
        described["components"]["schemas"].update({"Problem": problem, **nested})
        return described

    api.openapi = describe_with_problems  # type: ignore[method-assign]

    @api.exception_handler(RequestValidationError)
    def refuse_parameters(_: Request, error: RequestValidationError) -> JSONResponse:
        found = [
            FieldProblem(
                parameter=".".join(str(part) for part in each["loc"][1:])[:100],
                message=each["msg"].removeprefix("Value error, "),
            )
            for each in error.errors()
        ]
        detail = "; ".join(f"{each.parameter}: {each.message}" for each in found)
        return _answer(422, "bad-parameters", "A parameter isn't valid", detail, found)

    @api.exception_handler(InvalidCursor)
    def refuse_cursor(_: Request, error: InvalidCursor) -> JSONResponse:
        return _answer(400, "bad-cursor", "The cursor isn't valid", str(error))

    @api.exception_handler(ReadError)
    def report_unreadable(_: Request, error: ReadError) -> JSONResponse:
        return _answer(503, _READ_PROBLEMS.get(type(error), "not-ready"), error.title, str(error))

    @api.exception_handler(HTTPException)
    def report_http_error(_: Request, error: HTTPException) -> JSONResponse:
        phrase = HTTPStatus(error.status_code).phrase
        answer = _answer(error.status_code, phrase.lower().replace(" ", "-"), phrase, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @api.exception_handler(Exception)
    def report_fault(request: Request, error: Exception) -> JSONResponse:
        log.error("fault while answering %s", request.url.path, exc_info=error)
        return _answer(500, "fault", "A fault of this service", "the service's log has the details")


def _answer(status: int, name: str, title: str, detail: str, errors: list[FieldProblem] | None = None) -> JSONResponse:
    problem = Problem(type=f"/problems/{name}", title=title, status=status, detail=detail, errors=errors or [])
    return JSONResponse(problem.model_dump(), status_code=status, media_type=MEDIA_TYPE)
