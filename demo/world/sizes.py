"""Processors and memory of instance types and database classes; of prices the world knows nothing."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources


@lru_cache(maxsize=1)
def _load() -> dict[str, tuple[int, float]]:
    text = resources.files("demo.prices").joinpath("instances.json").read_text(encoding="utf-8")
    return {
        name: (int(facts["vcpu"]), float(facts["memory_gib"])) for name, facts in json.loads(text)["instances"].items()
    }


def vcpus_of(instance_type: str) -> int:
    """The processors of m5.large or db.m5.large. Raises KeyError for a type that isn't known."""
    return _load()[instance_type.removeprefix("db.")][0]


def memory_of(instance_type: str) -> float:
    """Its memory in GiB. Raises KeyError for a type that isn't known."""
    return _load()[instance_type.removeprefix("db.")][1]
