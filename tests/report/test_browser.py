"""The page in a browser: it draws, follows the mode, and neither complains nor calls out."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.output import write_run_record
from pipeline.report.page import write_report
from schemas.manifest import RunRecord
from tests.support.small_build import STAGE_TIMES, make_build
from tests.support.small_finetune import make_finetune

webdriver = pytest.importorskip("selenium.webdriver")
CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
)  # fmt: skip
PAPERS = {"light": "rgb(253, 253, 251)", "dark": "rgb(20, 23, 27)"}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if CHROMIUM is None or CHROMEDRIVER is None:
        pytest.skip("no chromium with chromedriver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(CHROMEDRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("page")
    build, finetune = make_build(folder), make_finetune(folder)
    record = RunRecord(
        started="2026-01-01T00:00:00+00:00", seconds=7.5, workers=2, runner="processes",
        python="3.11.7", stages=STAGE_TIMES,
    )  # fmt: skip
    write_run_record(build, record)
    return {"build": write_report(build, finetune), "finetune": write_report(finetune, None)}


def set_mode(browser: Any, mode: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": mode}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def set_width(browser: Any, width: int) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the page did not get there in time"
        time.sleep(0.05)


def drawn_modes(browser: Any) -> list[str | None]:
    script = "return [...document.querySelectorAll('.plot')].map(p => p.dataset.drawn ?? null)"
    return list(browser.execute_script(script))


def open_page(browser: Any, page: Path, mode: str, width: int) -> None:
    set_mode(browser, mode)
    set_width(browser, width)
    browser.get(page.as_uri())
    wait_until(lambda: set(drawn_modes(browser)) == {mode})


@pytest.mark.parametrize("name", ["build", "finetune"])
@pytest.mark.parametrize("width", [1400, 420])
def test_the_page_draws_and_follows_the_mode(
    browser: Any, pages: dict[str, Path], name: str, width: int
) -> None:
    browser.get_log("browser")
    browser.get_log("performance")
    open_page(browser, pages[name], "light", width)
    assert paper(browser) == PAPERS["light"]
    light_ink = ink(browser)
    set_mode(browser, "dark")
    wait_until(lambda: set(drawn_modes(browser)) == {"dark"})
    assert paper(browser) == PAPERS["dark"]
    assert ink(browser) != light_ink
    empty = (
        "return [...document.querySelectorAll('.plot')].filter(p => !p.querySelector('svg')).length"
    )
    assert browser.execute_script(empty) == 0
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    assert outside_requests(browser) == []


def paper(browser: Any) -> str:
    return str(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))


def ink(browser: Any) -> str:
    script = "return document.querySelector('.plot').layout.font.color"
    return str(browser.execute_script(script))


def outside_requests(browser: Any) -> list[str]:
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    return [url for url in urls if not url.startswith(("file:", "data:", "blob:"))]


def test_a_narrow_page_does_not_scroll_sideways(browser: Any, pages: dict[str, Path]) -> None:
    open_page(browser, pages["build"], "light", 420)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 420


def test_hostile_text_runs_nothing(browser: Any, pages: dict[str, Path]) -> None:
    open_page(browser, pages["build"], "light", 1400)
    script = "return document.querySelectorAll('script:not([type])').length"
    assert browser.execute_script(script) == 2
    text = browser.execute_script("return document.getElementById('quarantine').textContent")
    assert "<script>alert('hostile')</script>" in text
