"""Render a notebook of this folder to one HTML file: jupytext → papermill → nbconvert, code hidden, no network needed.

`python -m notebooks.render monthly_report --output reports/ -p account_id 123456789012`

The executed notebook stays beside the HTML, so that a figure can be traced to the code that showed it.
"""

import argparse
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbconvert import HTMLExporter
from papermill.exceptions import PapermillExecutionError
from traitlets import default

FOLDER = Path(__file__).parent
CHECKOUT = FOLDER.parent
START_TIMEOUT_SECONDS = 120


class ReportFailed(Exception):
    """The notebook can't be rendered; the message is one line that says why and where to look."""


class CheckoutKernelManager(AsyncKernelManager):
    """Starts the interpreter that runs this module, whatever `python3` means to the Jupyter of this machine.

    Kernel and client talk over loopback, where any user can listen: what a report says is encrypted.
    """

    @default("transport_encryption")
    def _encrypt(self) -> str:
        return "required"

    @property
    def kernel_spec(self) -> KernelSpec:
        """This interpreter's own kernel."""
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        metadata = {"supported_encryption": ["curve"]}
        return KernelSpec(argv=argv, display_name="Python 3", language="python", metadata=metadata)


def render_report(notebook: Path, output_html: Path, parameters: Mapping[str, Any] | None = None) -> Path:
    """Run `notebook` (jupytext percent) with `parameters` and write `output_html`; the `.ipynb` stays beside it.

    Returns `output_html`. An older report stays as it was until the new one is whole.

    Raises: `ReportFailed` for a missing notebook, an unknown parameter, or a cell that fails.
    """
    if not notebook.is_file():
        known = ", ".join(list_reports())
        raise ReportFailed(f"{notebook}: no such notebook; there are: {known}")
    source = jupytext.read(notebook)
    check_parameters(notebook, source, parameters or {})
    output_html.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # the bill is nobody else's business
    executed = output_html.with_suffix(".ipynb")
    jupytext.write(source, executed)
    path = str(executed).replace("{", "{{").replace("}", "}}")  # papermill fills a path's braces with the parameters
    try:
        result = papermill.execute_notebook(
            path,
            path,
            parameters=dict(parameters or {}),
            kernel_name="python3",
            kernel_manager_class=CheckoutKernelManager,
            resources={
                "metadata": {"path": str(CHECKOUT)}
            },  # the kernel's folder; papermill's `cwd` moves this process
            progress_bar=False,
            start_timeout=START_TIMEOUT_SECONDS,
        )
    except PapermillExecutionError as error:
        reason = " ".join(str(error.evalue).split())
        raise ReportFailed(f"{notebook.name}: {reason} (the cell is marked in {executed})") from error
    unfinished = output_html.with_name(f".{output_html.name}.{os.getpid()}")
    unfinished.write_text(export_html(result), encoding="utf-8")
    unfinished.replace(output_html)
    return output_html


def export_html(notebook: nbformat.NotebookNode) -> str:
    """One HTML file of the outputs and the prose; see `templates/report` for its look."""
    exporter = HTMLExporter(
        template_name="report",
        extra_template_basedirs=[str(FOLDER / "templates")],
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    html, _ = exporter.from_notebook_node(notebook)
    return str(html)


def check_parameters(notebook: Path, source: nbformat.NotebookNode, parameters: Mapping[str, Any]) -> None:
    """Raise `ReportFailed` for a parameter that the notebook doesn't declare: a misspelt one would change nothing."""
    cells = [cell.source for cell in source.cells if "parameters" in cell.metadata.get("tags", [])]
    declared = {line.split(":")[0].split("=")[0].strip() for cell in cells for line in cell.splitlines() if "=" in line}
    unknown = sorted(set(parameters) - declared)
    if unknown:
        raise ReportFailed(
            f"{notebook.name}: no parameter {', '.join(unknown)}; there are: {', '.join(sorted(declared))}"
        )


def list_reports() -> list[str]:
    """The names of this folder's notebooks."""
    return sorted(path.stem for path in FOLDER.glob("*_report.py"))


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m notebooks.render", description="Render a report to HTML.")
    parser.add_argument("report", choices=list_reports())
    parser.add_argument(
        "--output", type=Path, default=Path("reports"), help="folder of the HTML, or a file's name ending in .html"
    )
    parser.add_argument(
        "-p", "--parameter", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="repeatable"
    )
    chosen = parser.parse_args(arguments)
    logging.getLogger("papermill").setLevel(logging.ERROR)  # what it has to say beyond that is in the exception
    output = chosen.output if chosen.output.suffix == ".html" else chosen.output / f"{chosen.report}.html"
    try:
        written = render_report(FOLDER / f"{chosen.report}.py", output, dict(chosen.parameter))
    except (ReportFailed, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
