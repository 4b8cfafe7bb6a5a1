"""Finds the service a request is for and the encoding it speaks, and answers it."""

from __future__ import annotations

import re
from pathlib import Path

from demo import wire
from demo.calendars import draw_horizon
from demo.estate import draw_estate
from demo.generation import S3_FOLDER, SPEND_FILE, read_parameters
from demo.metrics import Truth
from demo.services import cloudwatch, cost_explorer, s3, sts
from demo.spend import read_spend
from demo.wire import Request, Response, ServiceError

_RPC_PATH = re.compile(r"/service/([A-Za-z0-9_]+)/operation/([A-Za-z0-9_]+)")
_CLOUDWATCH_TARGET = "GraniteServiceVersion20100801"


class Router:
    """All services of the account in ``directory``. Page sizes can be made small to try paging with little data."""

    def __init__(
        self,
        directory: Path,
        *,
        metrics_per_page: int = cloudwatch.METRICS_PER_PAGE,
        groups_per_page: int = cost_explorer.GROUPS_PER_PAGE,
    ):
        self.parameters = read_parameters(directory)
        self.horizon = draw_horizon(self.parameters)
        self.tokens = sts.TokenService()
        self.objects = s3.ObjectStore(directory / S3_FOLDER)
        self.metrics = cloudwatch.MetricService(Truth(draw_estate(self.parameters, self.horizon)), metrics_per_page)
        self.costs = cost_explorer.CostService(read_spend(directory / SPEND_FILE), self.horizon, groups_per_page)

    def answer(self, request: Request) -> Response:
        """The response to a request; AWS's errors come in the encoding of the request."""
        rpc = _RPC_PATH.fullmatch(request.path)
        if rpc is not None:
            return self._answer_cbor(request, rpc.group(1), rpc.group(2))
        if "x-amz-target" in request.headers:
            return self._answer_json(request)
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return self._answer_query(request)
        try:
            return self.objects.answer(request, self.tokens.recognise(request))
        except ServiceError as error:
            if error.code == "MissingAuthenticationToken":
                error = ServiceError(403, "AccessDenied", "Access Denied")
            return s3.error_response(error, request)

    def _answer_cbor(self, request: Request, service: str, action: str) -> Response:
        try:
            caller = self.tokens.recognise(request)
            if service != _CLOUDWATCH_TARGET:
                raise ServiceError(404, "UnknownOperationException", f"{service} is not simulated.")
            return wire.cbor_response(self.metrics.answer(action, wire.decode_cbor(request.body), caller))
        except ServiceError as error:
            return wire.cbor_error(error)

    def _answer_json(self, request: Request) -> Response:
        version = "1.0" if "1.0" in request.headers.get("content-type", "") else "1.1"
        try:
            caller = self.tokens.recognise(request)
            service, _, action = request.headers["x-amz-target"].partition(".")
            parameters = wire.decode_json(request.body)
            if service == cost_explorer.TARGET:
                return wire.json_response(self.costs.answer(action, parameters, caller), version)
            if service == _CLOUDWATCH_TARGET:
                return wire.json_response(self.metrics.answer(action, parameters, caller), version)
            raise ServiceError(400, "UnknownOperationException", f"{service} is not simulated.")
        except ServiceError as error:
            return wire.json_error(error, version)

    def _answer_query(self, request: Request) -> Response:
        namespace = sts.NAMESPACE
        try:
            parameters = wire.decode_query(request.body)
            action, version = str(parameters.pop("Action", "")), str(parameters.pop("Version", ""))
            caller = self.tokens.recognise(request)
            if version == sts.VERSION:
                return wire.query_response(action, namespace, self.tokens.answer(action, parameters, caller))
            if version == cloudwatch.VERSION:
                namespace = cloudwatch.NAMESPACE
                return wire.query_response(action, namespace, self.metrics.answer(action, parameters, caller))
            raise ServiceError(400, "InvalidAction", f"{action} of version {version} is not simulated.")
        except ServiceError as error:
            return wire.query_error(namespace, error)
