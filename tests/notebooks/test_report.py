"""The monthly report, rendered by the product's own command from a real PostgreSQL."""

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from notebooks import render
from tests.app import marts_fixture as invented

ROOT = Path(__file__).parents[2]


class Reader(HTMLParser):
    """The tags, the addresses and the text of an HTML file."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href", "srcset", "action")]

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    @property
    def text(self) -> str:
        return " ".join(self.words)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports {odd} ü")


@pytest.fixture(scope="module")
def report(folder: Path, databases: dict[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The whole report's HTML, on a machine whose own `python3` kernel is another program."""
    kernels = tmp_path_factory.mktemp("jupyter")
    (kernels / "kernels/python3").mkdir(parents=True)
    specification = {"argv": ["/bin/false"], "display_name": "Python 3", "language": "python"}
    (kernels / "kernels/python3/kernel.json").write_text(json.dumps(specification))
    machine = {**databases["filled"], "JUPYTER_PATH": str(kernels), "JUPYTER_PREFER_ENV_PATH": "0"}
    command = [sys.executable, "-m", "notebooks.render", "monthly_report", "--output", str(folder)]
    ended = subprocess.run(command, cwd=ROOT, env=machine, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == str(folder / "monthly_report.html")
    assert "without encryption" not in ended.stderr
    return (folder / "monthly_report.html").read_text(encoding="utf-8")


def test_it_opens_without_a_network_and_runs_nothing(report: str) -> None:
    read = Reader(report)
    assert not {"script", "iframe", "link", "object", "embed", "img"} & set(read.tags)
    assert [address for address in read.addresses if not address.startswith("#")] == []
    assert "url(" not in report
    assert "@import" not in report
    assert "default-src 'none'" in report


def test_it_says_what_finance_asks(report: str) -> None:
    text = Reader(report).text
    for expected in (
        "Costs as of 2026-11-20 00:00 UTC",
        "November 2026 cost $6,211.00 (estimated, usage up to 2026-11-19).",
        "October 2026 cost $9,450.13 (partly invoiced",
        "The costs agree with Cost Explorer, on whole days, through 2026-11-08.",
        "15 findings together, each dollar once, would lower the bill by at least $1,235,672.68 a month.",
        "What is larger than its work? Resize batch-worker-20 from m5.2xlarge to m5.xlarge",
        "The sums leave out 1 finding with unknown savings.",
        "disputed 1 0 $112.34 $100.00 $12.34",
        "CPU maximum 1.2 %",
        "AWS Compute Optimizer: idle EC2, peak CPU below 5 %",
        "No CPU metric on 9 of 14 days: can't tell. 5 14",
        "Standby, agreed until 2027-01-31.",
        "Cost Explorer was never loaded.",
    ):
        assert expected in text
    assert report.count("<article") == 15


def test_code_is_hidden_and_kept_beside(report: str, folder: Path) -> None:
    assert "queries.get_" not in report
    notebook = json.loads((folder / "monthly_report.ipynb").read_text())
    assert any("queries.get_" in "".join(cell["source"]) for cell in notebook["cells"])


def test_names_from_aws_stay_text(report: str) -> None:
    assert invented.HOSTILE_NAME in Reader(report).text
    assert "&lt;script&gt;alert(" in report


def test_parameters_narrow_it(tmp_path: Path, filled: None) -> None:
    arguments = ["-p", "account_id", invented.LAB, "-p", "minimum_savings_usd_per_month", "1"]
    assert render.main(["monthly_report", "--output", str(tmp_path), *arguments]) == 0
    text = Reader((tmp_path / "monthly_report.html").read_text()).text
    assert f"Account {invented.LAB} · findings from $1.00 a month" in text
    assert "1 finding together, each dollar once, would lower the bill by at least $140.16 a month" in text
    assert "There is no day yet on which all costs agree with Cost Explorer." in text
    assert "Nothing has been compared." in text
    assert invented.SHOP not in text


def test_a_report_of_nothing(tmp_path: Path, empty: None) -> None:
    assert render.main(["monthly_report", "--output", str(tmp_path / "new" / "own.html")]) == 0
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700, "a bill is nobody else's business"
    text = Reader((tmp_path / "new" / "own.html").read_text()).text
    assert "Costs as of unknown" in text
    assert "No finding." in text


def test_without_a_database_one_line_and_the_old_report_stays(
    tmp_path: Path, unreachable: None, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "monthly_report.html").write_text("yesterday's")
    assert render.main(["monthly_report", "--output", str(tmp_path)]) == 1
    told = capfd.readouterr().err
    assert told.splitlines()[-1].startswith("error: monthly_report.py: ")
    assert "make up" in told
    assert "Traceback" not in told
    assert (tmp_path / "monthly_report.html").read_text() == "yesterday's"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".monthly")] == []


def test_a_misspelt_parameter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(render.ReportFailed, match="no parameter acount_id; there are: account_id, minimum_savings"):
        render.render_report(ROOT / "notebooks/monthly_report.py", tmp_path / "r.html", {"acount_id": "1"})
    assert list(tmp_path.iterdir()) == []


def test_no_such_notebook(tmp_path: Path) -> None:
    with pytest.raises(render.ReportFailed, match="no such notebook; there are: monthly_report"):
        render.render_report(tmp_path / "x.py", tmp_path / "r.html")


def test_the_notebook_declares_its_parameters() -> None:
    text = (ROOT / "notebooks/monthly_report.py").read_text()
    cell = text.split('# %% tags=["parameters"]')[1].split("# %%")[0]
    assert "account_id" in cell
    assert "minimum_savings_usd_per_month" in cell
