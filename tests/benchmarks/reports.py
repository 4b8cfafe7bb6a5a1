"""A report in a local folder: what it consists of, how it is kept from run to run, and how it is delivered into."""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_STATE_FILE = "bench.json"


@dataclass(frozen=True)
class Report:
    """A local report. `folder` is what `--source` takes; the figures are those of the newest delivery of each month."""

    folder: Path
    row_count: int

    @property
    def manifests(self) -> list[Path]:
        """The manifest of each month, oldest first."""
        in_years = self.folder.glob(f"{self.folder.name}/year=*/month=*/*-Manifest.json")
        return sorted(self.folder.glob("*-*/*-Manifest.json")) or sorted(in_years)

    @property
    def headers(self) -> list[str]:
        """The columns of the last month, `category/name`."""
        columns = json.loads(self.manifests[-1].read_text())["columns"]
        return [f"{column['category']}/{column['name']}" for column in columns]

    @property
    def files(self) -> list[Path]:
        """The data files that the manifests name."""
        keys = [key for manifest in self.manifests for key in json.loads(manifest.read_text())["reportKeys"]]
        return [self.folder.parent / key for key in keys]

    @property
    def byte_count(self) -> int:
        """What the files take as they are delivered."""
        return sum(path.stat().st_size for path in self.files)

    @property
    def is_parquet(self) -> bool:
        """Whether the files are Parquet, else gzipped CSV."""
        return self.files[0].suffix == ".parquet"


def keep(folder: Path, made_from: Sequence[object], fill: Callable[[Path], Report]) -> Report:
    """The report in `folder`: made anew by `fill` in an empty folder, unless it stands there whole, made from the same.

    A process that is killed leaves the earlier report, or none: never a part of one.
    """
    digest = hashlib.sha256(json.dumps([str(part) for part in made_from]).encode()).hexdigest()
    if read_digest(folder) == digest:
        state = json.loads((folder / _STATE_FILE).read_text())
        if state["files"] == _list_files(folder):
            return Report(folder / state["name"], state["row_count"])
    scratch = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    made = fill(scratch)
    state = {"digest": digest, "name": made.folder.name, "row_count": made.row_count, "files": _list_files(scratch)}
    (scratch / _STATE_FILE).write_text(json.dumps(state, indent=1) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    scratch.rename(folder)
    return Report(folder / made.folder.name, made.row_count)


def read_digest(folder: Path) -> str:
    """What a kept report was made from; empty where there is none."""
    path = folder / _STATE_FILE
    return str(json.loads(path.read_text())["digest"]) if path.is_file() else ""


def _list_files(folder: Path) -> dict[str, int]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != _STATE_FILE)
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in found}


def copy_report(report: Report, target: Path) -> Report:
    """A copy to deliver into: its manifests are its own, its data files links."""

    def place(source: str, copied: str) -> None:
        if source.endswith(".json"):
            shutil.copy(source, copied)
        else:
            Path(copied).symlink_to(source)

    shutil.copytree(report.folder, target / report.folder.name, copy_function=place)
    return Report(target / report.folder.name, report.row_count)


def deliver_next(report: Report) -> None:
    """Deliver the other assembly of the last month of a copied report as AWS does: its files are there, its manifest
    takes the earlier one's place."""
    current = report.manifests[-1]
    (following,) = (path for path in current.parent.glob("*/*.json") if path.read_text() != current.read_text())
    scratch = current.with_suffix(".part")
    shutil.copy(following, scratch)
    scratch.replace(current)
