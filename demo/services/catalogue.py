"""Which services are answered, and by what: actions by service, paths by REST service."""

from __future__ import annotations

from demo.services import (
    api_gateway,
    balancing,
    cloudfront,
    dynamodb,
    ec2_compute,
    ec2_storage,
    ecs,
    functions,
    invoicing,
    organizations,
    pricing,
    rds,
    reservations,
    savings_plans,
)
from demo.services.context import Action
from demo.services.rest import Route

ACTIONS: dict[str, dict[str, Action]] = {
    "ec2": ec2_compute.ACTIONS | ec2_storage.ACTIONS | reservations.ACTIONS,
    "autoscaling": balancing.GROUPS,
    "rds": rds.ACTIONS | reservations.DATABASES,
    "elb": balancing.CLASSIC,
    "elbv2": balancing.MODERN,
    "dynamodb": dynamodb.ACTIONS,
    "ecs": ecs.ACTIONS,
    "organizations": organizations.ACTIONS,
    "invoicing": invoicing.ACTIONS,
    "pricing": pricing.ACTIONS,
    "lambda": functions.ACTIONS,
    "apigateway": api_gateway.ACTIONS,
    "cloudfront": cloudfront.ACTIONS,
    "savingsplans": savings_plans.ACTIONS,
}
REST: dict[str, tuple[Route, ...]] = {
    "lambda": functions.ROUTES,
    "apigateway": api_gateway.ROUTES,
    "cloudfront": cloudfront.ROUTES,
    "savingsplans": savings_plans.ROUTES,
}
