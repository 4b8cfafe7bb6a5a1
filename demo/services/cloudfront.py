"""CloudFront: distributions, their tags, and their end. It knows no regions."""

from __future__ import annotations

from typing import Any

from demo.protocols import rest_xml
from demo.services.context import Action, Context, Parsed, iso, page, tag_list
from demo.services.rest import Route
from demo.wire import Items, Response, ServiceError
from demo.world.resources import Distribution

NAMESPACE = "http://cloudfront.amazonaws.com/doc/2020-05-31/"
_ID = r"(?P<Id>[A-Za-z0-9]+)"
ROUTES = (
    Route("GET", r"/2020-05-31/distribution", "ListDistributions"),
    Route("GET", rf"/2020-05-31/distribution/{_ID}", "GetDistribution"),
    Route("DELETE", rf"/2020-05-31/distribution/{_ID}", "DeleteDistribution"),
    Route("GET", r"/2020-05-31/tagging", "ListTagsForResource"),
)


def _nothing() -> dict[str, Any]:
    return {"Quantity": 0, "Items": []}


def _summary(thing: Distribution) -> dict[str, Any]:
    origin = {"Id": "origin", "DomainName": f"{thing.name}.example.com", "OriginPath": "", "CustomHeaders": _nothing()}
    return {
        "Id": thing.distribution_id,
        "ARN": thing.resource_id,
        "Status": "Deployed",
        "LastModifiedTime": iso(thing.life.launched),
        "DomainName": f"{thing.distribution_id.lower()}.cloudfront.net",
        "Aliases": _nothing(),
        "Origins": {"Quantity": 1, "Items": Items("Origin", [origin])},
        "DefaultCacheBehavior": {"TargetOriginId": "origin", "ViewerProtocolPolicy": "redirect-to-https"},
        "CacheBehaviors": _nothing(),
        "CustomErrorResponses": _nothing(),
        "Comment": thing.name,
        "PriceClass": "PriceClass_All",
        "Enabled": True,
        "ViewerCertificate": {"CloudFrontDefaultCertificate": True},
        "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
        "WebACLId": "",
        "HttpVersion": "http2",
        "IsIPV6Enabled": True,
        "Staging": False,
    }


def _find(context: Context, parameters: Parsed) -> Distribution:
    for each in context.everywhere(Distribution):
        if each.distribution_id == parameters["Id"]:
            return each
    raise ServiceError(404, "NoSuchDistribution", "The specified distribution does not exist.")


def _etag(context: Context, thing: Distribution) -> str:
    return f"E{context.made_up('etag', thing.resource_id, length=12).upper()}"


def list_distributions(context: Context, parameters: Parsed) -> Response:
    """ListDistributions."""
    chosen, following = page(
        [_summary(each) for each in context.everywhere(Distribution)],
        parameters,
        token="Marker",  # noqa: S106 - a parameter's name
        size="MaxItems",
        most=100,
        bad_token="InvalidArgument",  # noqa: S106 - an error code
    )
    listing: dict[str, Any] = {
        "Marker": str(parameters.get("Marker", "")),
        "NextMarker": following,
        "MaxItems": int(parameters.get("MaxItems", 100)),
        "IsTruncated": following is not None,
        "Quantity": len(chosen),
    }
    if chosen:
        listing["Items"] = Items("DistributionSummary", chosen)
    return rest_xml("DistributionList", NAMESPACE, listing)


def get_distribution(context: Context, parameters: Parsed) -> Response:
    """GetDistribution, with the ETag that a deletion needs."""
    thing = _find(context, parameters)
    summary = _summary(thing)
    outer = ("Id", "ARN", "Status", "LastModifiedTime", "DomainName")
    described = {name: summary[name] for name in outer} | {
        "InProgressInvalidationBatches": 0,
        "DistributionConfig": {
            "CallerReference": thing.name,
            **{name: value for name, value in summary.items() if name not in outer},
        },
    }
    return rest_xml("Distribution", NAMESPACE, described, ETag=_etag(context, thing))


def list_tags(context: Context, parameters: Parsed) -> Response:
    """ListTagsForResource."""
    for each in context.everywhere(Distribution):
        if each.resource_id == parameters.get("Resource"):
            return rest_xml("Tags", NAMESPACE, {"Items": Items("Tag", tag_list(each.tags))})
    raise ServiceError(404, "NoSuchResource", "The specified resource does not exist.")


def delete_distribution(context: Context, parameters: Parsed) -> Response:
    """DeleteDistribution with its ETag; AWS asks to disable it first, which isn't simulated."""
    thing = _find(context, parameters)
    held = str(parameters.get("If-Match", ""))
    if held != _etag(context, thing):
        code = "PreconditionFailed" if held else "InvalidIfMatchVersion"
        raise ServiceError(412 if held else 400, code, "The If-Match version is missing or not valid for the resource.")
    context.do("DeleteDistribution", thing.resource_id)
    return Response(204)


ACTIONS: dict[str, Action] = {
    "ListDistributions": list_distributions,
    "GetDistribution": get_distribution,
    "ListTagsForResource": list_tags,
    "DeleteDistribution": delete_distribution,
}
