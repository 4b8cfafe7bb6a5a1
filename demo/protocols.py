"""The protocols that AWS's services speak: how a call is read, answered and refused in each.

Which service speaks which, and the names it has in signatures, targets and versions, are those of botocore's models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from demo import wire
from demo.wire import Request, Response, ServiceError, request_id, to_xml

_RPC_PATH = re.compile(r"/service/([A-Za-z0-9_]+)/operation/([A-Za-z0-9_]+)")


@dataclass(frozen=True)
class Dialect:
    """A service's name (botocore's) and how it says what all services say in ways of their own.

    ``denied`` and ``throttled``: HTTP status and code of a refusal. ``namespace``: of its XML.
    """

    service: str
    namespace: str = ""
    denied: tuple[int, str] = (403, "AccessDenied")
    throttled: tuple[int, str] = (400, "Throttling")


_JSON_DENIED = (400, "AccessDeniedException")
_REST_DENIED = (403, "AccessDeniedException")
_TOO_MANY = (429, "TooManyRequestsException")
_BY_VERSION = {
    "2011-06-15": Dialect("sts", "https://sts.amazonaws.com/doc/2011-06-15/"),
    "2010-08-01": Dialect("cloudwatch", "http://monitoring.amazonaws.com/doc/2010-08-01/"),
    "2016-11-15": Dialect(
        "ec2",
        "http://ec2.amazonaws.com/doc/2016-11-15/",
        (403, "UnauthorizedOperation"),
        (503, "RequestLimitExceeded"),
    ),
    "2011-01-01": Dialect("autoscaling", "http://autoscaling.amazonaws.com/doc/2011-01-01/"),
    "2014-10-31": Dialect("rds", "http://rds.amazonaws.com/doc/2014-10-31/"),
    "2012-06-01": Dialect("elb", "http://elasticloadbalancing.amazonaws.com/doc/2012-06-01/"),
    "2015-12-01": Dialect("elbv2", "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"),
}
_BY_TARGET = {
    "GraniteServiceVersion20100801": Dialect("cloudwatch", denied=_JSON_DENIED, throttled=(400, "ThrottlingException")),
    "AWSInsightsIndexService": Dialect("ce", denied=_JSON_DENIED, throttled=(400, "LimitExceededException")),
    "AWSOrganizationsV20161128": Dialect(
        "organizations", denied=_JSON_DENIED, throttled=(400, "TooManyRequestsException")
    ),
    "DynamoDB_20120810": Dialect("dynamodb", denied=_JSON_DENIED, throttled=(400, "ThrottlingException")),
    "AmazonEC2ContainerServiceV20141113": Dialect("ecs", denied=_JSON_DENIED, throttled=(400, "ThrottlingException")),
    "AWSPriceListService": Dialect("pricing", denied=_JSON_DENIED, throttled=(400, "ThrottlingException")),
    "Invoicing": Dialect("invoicing", denied=_JSON_DENIED, throttled=(400, "ThrottlingException")),
}
_BY_SIGNATURE = {
    "lambda": Dialect("lambda", denied=_REST_DENIED, throttled=_TOO_MANY),
    "apigateway": Dialect("apigateway", denied=_REST_DENIED, throttled=_TOO_MANY),
    "savingsplans": Dialect("savingsplans", denied=_REST_DENIED, throttled=(429, "ThrottlingException")),
    "cloudfront": Dialect("cloudfront", "http://cloudfront.amazonaws.com/doc/2020-05-31/"),
    "s3": Dialect("s3", "http://s3.amazonaws.com/doc/2006-03-01/", throttled=(503, "SlowDown")),
}
_SIGNED_FOR = re.compile(r"Credential=[^/,\s]+/\d{8}/[^/]+/([^/]+)/aws4_request")


@dataclass(frozen=True)
class Call:
    """A request as its protocol reads it. ``action`` is empty where the path decides (REST services)."""

    protocol: str
    dialect: Dialect
    action: str
    request: Request

    @property
    def service(self) -> str:
        """Botocore's name of the service."""
        return self.dialect.service

    def read(self) -> dict[str, Any]:
        """The call's parameters. Raises ServiceError for a malformed body."""
        if self.protocol == "cbor":
            return dict(wire.decode_cbor(self.request.body))
        if self.protocol in ("json-1.0", "json-1.1"):
            return wire.decode_json(self.request.body)
        if self.protocol in ("query", "ec2"):
            return {key: value for key, value in _form(self.request).items() if key not in ("Action", "Version")}
        return {}

    def respond(self, result: dict[str, Any] | Response) -> Response:
        """The answer of a call that succeeded."""
        if isinstance(result, Response):
            return result
        if self.protocol == "cbor":
            return wire.cbor_response(result)
        if self.protocol in ("json-1.0", "json-1.1"):
            return wire.json_response(result, self.protocol[5:])
        if self.protocol == "query":
            return wire.query_response(self.action, self.dialect.namespace, result)
        if self.protocol == "ec2":
            return _ec2_response(self.action, self.dialect.namespace, result)
        return rest_json(result)

    def fail(self, error: ServiceError) -> Response:
        """The answer of a call that failed."""
        if self.protocol == "cbor":
            return wire.cbor_error(error)
        if self.protocol in ("json-1.0", "json-1.1"):
            return wire.json_error(error, self.protocol[5:])
        if self.protocol == "query":
            return wire.query_error(self.dialect.namespace, error)
        if self.protocol == "ec2":
            return _ec2_error(error)
        if self.protocol == "rest-json":
            return _rest_json_error(error)
        if self.service == "s3":
            return s3_error(error, self.request)
        return wire.query_error(self.dialect.namespace, error)


def _form(request: Request) -> dict[str, Any]:
    return wire.decode_query(request.body or request.query.encode())


def understand(request: Request) -> Call:
    """Which service's call a request is. Raises ServiceError where its form can't be read at all."""
    rpc = _RPC_PATH.fullmatch(request.path)
    if rpc is not None:
        return Call("cbor", _BY_TARGET.get(rpc.group(1), Dialect("")), rpc.group(2), request)
    if "x-amz-target" in request.headers:
        prefix, _, action = request.headers["x-amz-target"].partition(".")
        version = "1.0" if "1.0" in request.headers.get("content-type", "") else "1.1"
        return Call(f"json-{version}", _BY_TARGET.get(prefix, Dialect("")), action, request)
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form = _form(request)
        dialect = _BY_VERSION.get(str(form.get("Version", "")), Dialect("", _BY_VERSION["2011-06-15"].namespace))
        return Call("ec2" if dialect.service == "ec2" else "query", dialect, str(form.get("Action", "")), request)
    signed = _SIGNED_FOR.search(request.headers.get("authorization", ""))
    dialect = _BY_SIGNATURE.get(signed.group(1) if signed else "s3", _BY_SIGNATURE["s3"])
    return Call("rest-xml" if dialect.service in ("s3", "cloudfront") else "rest-json", dialect, "", request)


# --- XML of EC2 and S3, JSON of REST --------------------------------------------------------------------------------


def _ec2_response(action: str, namespace: str, result: dict[str, Any]) -> Response:
    inner = "".join(to_xml(key, value, "item") for key, value in result.items())
    body = f'<{action}Response xmlns="{namespace}"><requestId>{request_id()}</requestId>{inner}</{action}Response>'
    return _xml(body)


def _ec2_error(error: ServiceError) -> Response:
    body = (
        f"<Response><Errors><Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
        f"</Errors><RequestID>{request_id()}</RequestID></Response>"
    )
    return _xml(body, error.status)


def _xml(body: str, status: int = 200) -> Response:
    headers = {"Content-Type": "text/xml;charset=UTF-8", "x-amzn-RequestId": request_id()}
    return Response(status, headers, ('<?xml version="1.0" encoding="UTF-8"?>\n' + body).encode())


def rest_xml(name: str, namespace: str, value: Any, **headers: str) -> Response:
    """The XML document of a REST service; ``headers``: further ones, like ETag."""
    element = to_xml(name, value)
    answer = _xml(element.replace(f"<{name}>", f'<{name} xmlns="{namespace}">', 1))
    return Response(200, answer.headers | headers, answer.body)


def rest_json(value: Any, status: int = 200) -> Response:
    """The JSON document of a REST service."""
    body = b"" if status == 204 else wire.encode_json(value)
    return Response(status, {"Content-Type": "application/json", "x-amzn-RequestId": request_id()}, body)


def _rest_json_error(error: ServiceError) -> Response:
    headers = {
        "Content-Type": "application/json",
        "x-amzn-RequestId": request_id(),
        "x-amzn-ErrorType": error.code,
    }
    return Response(error.status, headers, wire.encode_json({"message": error.message, "Message": error.message}))


def s3_error(error: ServiceError, request: Request) -> Response:
    """S3's XML of an error; HEAD answers carry none."""
    if request.method == "HEAD":
        return Response(error.status, {"x-amz-request-id": request_id()})
    body = (
        f"<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
        f"<Resource>{escape(unquote(request.path))}</Resource><RequestId>{request_id()}</RequestId></Error>"
    )
    answer = _xml(body, error.status)
    return Response(error.status, answer.headers | {"Content-Type": "application/xml"}, answer.body)
