"""S3's buckets: names, places, tags, life-cycle and versioning, for the estate's buckets and the billing ones."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from demo.protocols import rest_xml
from demo.services.context import Context, iso, tag_list
from demo.services.s3 import NAMESPACE, ObjectStore
from demo.timeline import hour_of
from demo.wire import Items, Request, Response, ServiceError, request_id
from demo.world import accounts
from demo.world.resources import Bucket

_BILLING_CREATED = hour_of(2024, 1) + 14 * 24
# Sub-resource -> action's ending; those that aren't simulated are refused: answering as if they were listings misleads.
_SUBRESOURCES = {
    "location": "BucketLocation",
    "lifecycle": "BucketLifecycleConfiguration",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "acl": "BucketAcl",
    "policy": "BucketPolicy",
    "encryption": "BucketEncryption",
    "cors": "BucketCors",
    "metrics": "BucketMetricsConfiguration",
    "inventory": "BucketInventoryConfiguration",
    "analytics": "BucketAnalyticsConfiguration",
    "intelligent-tiering": "BucketIntelligentTieringConfiguration",
    "logging": "BucketLogging",
    "website": "BucketWebsite",
    "replication": "BucketReplication",
    "versions": "ObjectVersions",
    "uploads": "MultipartUploads",
}
_SIMULATED = frozenset({"location", "lifecycle", "tagging", "versioning"})


def _place(request: Request) -> tuple[str, str]:
    bucket, _, key = unquote(request.path).lstrip("/").partition("/")
    return bucket, key


def action_of(request: Request) -> str:
    """The action that a request is, by IAM's and botocore's name."""
    bucket, key = _place(request)
    if not bucket:
        return "ListBuckets"
    for name, ending in _SUBRESOURCES.items():
        if name in request.parameters:
            verb = {"GET": "Get", "HEAD": "Get", "DELETE": "Delete"}.get(request.method, "Put")
            return verb + (ending if not key else ending.replace("Bucket", "Object"))
    verbs = {"GET": "Get", "HEAD": "Head", "DELETE": "Delete"}
    if key:
        return f"{verbs.get(request.method, 'Put')}Object"
    return {"GET": "ListObjectsV2", "HEAD": "HeadBucket", "DELETE": "DeleteBucket"}.get(request.method, "CreateBucket")


def answer(context: Context, objects: ObjectStore, request: Request) -> Response:
    """The answer to any request for S3."""
    name, key = _place(request)
    if not name:
        return _list(context, objects)
    if name in objects.buckets():
        asked = _SUBRESOURCES.keys() & set(request.parameters)
        if not asked or key:
            _refuse_subresources(request)
            return objects.answer(request, context.caller)
        if context.account_id != accounts.PAYER.account_id:
            raise ServiceError(403, "AccessDenied", "Access Denied")
        return _configuration(context, None, request)
    for thing in context.everywhere(Bucket):
        if thing.name == name or thing.resource_id == name:
            return _estates(context, thing, request, key)
    for thing in context.account.estate.each(Bucket):
        if thing.resource_id == name and thing.is_current(context.now):
            raise ServiceError(403, "AccessDenied", "Access Denied")
    raise ServiceError(404, "NoSuchBucket", "The specified bucket does not exist")


def _refuse_subresources(request: Request) -> None:
    unknown = (_SUBRESOURCES.keys() - _SIMULATED) & set(request.parameters)
    if unknown or ("tagging" in request.parameters):
        raise ServiceError(501, "NotImplemented", f"?{sorted(unknown or {'tagging'})[0]} is not simulated.")


def _list(context: Context, objects: ObjectStore) -> Response:
    found = [{"Name": each.resource_id, "CreationDate": iso(each.life.launched)} for each in context.everywhere(Bucket)]
    if context.account_id == accounts.PAYER.account_id:
        found += [{"Name": name, "CreationDate": iso(_BILLING_CREATED)} for name in objects.buckets()]
    found.sort(key=lambda each: each["Name"])
    listing = {"Owner": {"ID": context.account_id}, "Buckets": Items("Bucket", found)}
    return rest_xml("ListAllMyBucketsResult", NAMESPACE, listing)


def _estates(context: Context, thing: Bucket, request: Request, key: str) -> Response:
    if key or (request.method == "GET" and not _SUBRESOURCES.keys() & set(request.parameters)):
        # Their objects are counted and billed, but aren't there: an empty listing would be a lie.
        raise ServiceError(403, "AccessDenied", "Access Denied")
    if request.method == "HEAD":
        return Response(200, {"x-amz-bucket-region": thing.region.code, "x-amz-request-id": request_id()})
    if request.method == "DELETE" and not request.query:
        context.do("DeleteBucket", thing.resource_id)
        return Response(204)
    if request.method == "PUT" and "lifecycle" in request.parameters:
        return _put_lifecycle(context, thing, request)
    return _configuration(context, thing, request)


def _configuration(context: Context, thing: Bucket | None, request: Request) -> Response:
    asked = set(request.parameters)
    unknown = (_SUBRESOURCES.keys() - _SIMULATED) & asked
    if unknown or request.method != "GET":
        raise ServiceError(501, "NotImplemented", f"{action_of(request)} is not simulated.")
    if "location" in asked:
        region = accounts.HOME_REGION.code if thing is None else thing.region.code
        # The first region's name is left out, as S3 has done since there were others.
        return rest_xml("LocationConstraint", NAMESPACE, "" if region == accounts.HOME_REGION.code else region)
    if "versioning" in asked:
        return rest_xml("VersioningConfiguration", NAMESPACE, "")
    if "tagging" in asked:
        if thing is None or not thing.tags:
            raise ServiceError(404, "NoSuchTagSet", "The TagSet does not exist")
        return rest_xml("Tagging", NAMESPACE, {"TagSet": Items("Tag", tag_list(thing.tags))})
    if thing is None or not thing.has_lifecycle:
        raise ServiceError(404, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
    return rest_xml("LifecycleConfiguration", NAMESPACE, {"Rule": _rule()})


def _rule() -> dict[str, Any]:
    return {
        "ID": "archive",
        "Filter": {"Prefix": ""},
        "Status": "Enabled",
        "Transition": {"Days": 30, "StorageClass": "STANDARD_IA"},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }


def _put_lifecycle(context: Context, thing: Bucket, request: Request) -> Response:
    text = request.body.decode("utf-8", "replace")
    if not re.search(r"<Status>\s*Enabled\s*</Status>", text):
        raise ServiceError(400, "MalformedXML", "Only a configuration with an enabled rule is simulated.")
    classes = re.findall(r"<StorageClass>\s*([A-Z_]+)\s*</StorageClass>", text)
    context.do("PutBucketLifecycleConfiguration", thing.resource_id, StorageClasses=classes)
    return Response(200, {"x-amz-request-id": request_id()})
