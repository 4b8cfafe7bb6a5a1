"""The data files of this package."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache(maxsize=16)
def read(name: str) -> dict[str, Any]:
    """A data file by name, read once: nobody changes what it holds."""
    raw: dict[str, Any] = json.loads((Path(__file__).parent / name).read_text(encoding="utf-8"))
    return raw
