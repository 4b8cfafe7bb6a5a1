"""The app in a real browser: it loads without the internet, lists the findings, and opens the evidence of one."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.app import marts_fixture as invented

ROOT = Path(__file__).parents[2]
SCREENSHOTS = Path(os.environ.get("SCREENSHOT_DIR") or ROOT / "reports/screenshots")
WAIT_SECONDS = 60
HEADER_HEIGHT, ROW_HEIGHT, CHECKBOX_OFFSET = 36, 84, 18


def refuse(reason: str) -> None:
    """Without a browser there is no test; in CI that is a failure, never a skip."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.fixture(scope="module")
def address(databases: dict[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app as `streamlit run` serves it, on a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("streamlit") / "log"
    command = [sys.executable, "-m", "streamlit", "run", "app/streamlit_app.py", "--server.port", str(port)]
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=databases["filled"], stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).close()
                break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()  # asked politely, it waits ten seconds for browsers that have gone
        process.wait(20)


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chromium")


@pytest.fixture
def browser(profile: Path) -> Iterator[webdriver.Chrome]:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    program = next((found for name in names if (found := shutil.which(name))), None)
    driver_program = shutil.which("chromedriver")
    if program is None or driver_program is None:
        refuse("no Chromium with chromedriver is installed on this machine (looked in PATH)")
    options = webdriver.ChromeOptions()
    options.binary_location = str(program)
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--window-size=1440,1000",
        f"--user-data-dir={profile / str(time.monotonic_ns())}",
    ):
        options.add_argument(argument)
    try:
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver_program))
    except WebDriverException as error:
        refuse(f"Chromium doesn't start on this machine: {str(error.msg).splitlines()[0]}")
        return
    try:
        yield driver
    finally:
        driver.quit()


def find(browser: webdriver.Chrome, selector: str) -> WebElement:
    return WebDriverWait(browser, WAIT_SECONDS).until(lambda _: browser.find_element(By.CSS_SELECTOR, selector))


def read_all(browser: webdriver.Chrome, *expected: str) -> str:
    """The text of the page, once it holds all of `expected` and nothing is running any more."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        text = find(browser, "[data-testid=stMain]").text
        is_running = browser.find_elements(By.CSS_SELECTOR, "[data-testid=stStatusWidget]")
        missing = [each for each in expected if each not in text]
        if not missing and not is_running:
            return text
        assert time.monotonic() < deadline, f"the page never showed {missing}: {text}"
        time.sleep(0.1)


def select_row(browser: webdriver.Chrome, row: int) -> None:
    """Tick the box at a row's left edge; the grid is a canvas, so the place is all there is to click on."""
    grid = find(browser, "[data-testid=stDataFrame] canvas")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", grid)
    x = CHECKBOX_OFFSET - grid.size["width"] / 2
    y = HEADER_HEIGHT + ROW_HEIGHT * (row + 0.5) - grid.size["height"] / 2
    ActionChains(browser).move_to_element_with_offset(grid, int(x), int(y)).click().perform()


def save_screenshot(browser: webdriver.Chrome, name: str) -> None:
    loading = "[data-testid=stSkeleton]"  # what Streamlit draws in place of a widget whose script is still on its way
    WebDriverWait(browser, WAIT_SECONDS).until(lambda _: not browser.find_elements(By.CSS_SELECTOR, loading))
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    assert browser.save_screenshot(str(SCREENSHOTS / f"{name}.png"))


def check_no_stranger(browser: webdriver.Chrome, address: str) -> None:
    """Everything that the page loaded came from the app itself."""
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert loaded
    assert [name for name in loaded if not name.startswith((address, "data:", "blob:"))] == []


def test_overview(browser: webdriver.Chrome, address: str) -> None:
    browser.get(address)
    read_all(browser, "November 2026, estimated", "$6,211.00", "2026-11-08", "disputed", "never loaded")
    widths = [bar.size["width"] for bar in browser.find_elements(By.CSS_SELECTOR, ".tieout-bar")]
    assert len(widths) == 3
    assert widths[1] > widths[2] > widths[0] > 0  # October, September, November so far
    check_no_stranger(browser, address)
    save_screenshot(browser, "overview")


def test_waste_and_the_evidence_of_a_row(browser: webdriver.Chrome, address: str) -> None:
    browser.get(f"{address}/waste")
    text = read_all(browser, "$1,235,070.18", "6 findings reconciled", "What was judged", "Idle EC2 instance")
    assert "What was measured" not in text
    save_screenshot(browser, "waste")

    select_row(browser, 4)
    read_all(browser, "batch-worker-3", "CPU maximum", "1.2 %", "AWS Compute Optimizer", "$70.08", "provisional")
    assert browser.current_url.endswith("recommendation=rec003")
    save_screenshot(browser, "waste-evidence")

    select_row(browser, 0)
    read_all(browser, "batch-worker-8", "$1,234,567.12")

    select_row(browser, 0)  # and away again
    WebDriverWait(browser, WAIT_SECONDS).until(lambda _: "recommendation=" not in browser.current_url)
    WebDriverWait(browser, WAIT_SECONDS).until(lambda _: not browser.find_elements(By.CSS_SELECTOR, "article"))
    check_no_stranger(browser, address)


def test_a_name_from_aws_does_nothing(browser: webdriver.Chrome, address: str) -> None:
    browser.get(f"{address}/waste?recommendation=rec004")
    read_all(browser, invented.HOSTILE_NAME, "What was measured")
    scripts = browser.execute_script("return [...document.scripts].filter(each => each.text.includes('tieout'))")
    assert scripts == []
    assert not browser.find_elements(By.CSS_SELECTOR, "article strong, article .katex")


def test_narrow_screen(browser: webdriver.Chrome, address: str) -> None:
    browser.set_window_size(480, 900)
    browser.get(f"{address}/waste?recommendation=rec001")
    read_all(browser, "What was measured")
    too_wide = browser.execute_script(
        "const main = document.querySelector('[data-testid=stMain]'); return main.scrollWidth - main.clientWidth"
    )
    assert too_wide <= 0
    save_screenshot(browser, "waste-narrow")
