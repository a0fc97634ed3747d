"""The report in a real browser."""

import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait
from xmodal_pipeline.reporting.explorer import make_explorer
from xmodal_pipeline.reporting.figures import draw_ingest_figures
from xmodal_pipeline.reporting.html import ReportContent, build_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver") or shutil.which("/usr/bin/chromedriver")
pytestmark = [
    pytest.mark.skipif(
        not CHROMIUM,
        reason="Chromium is missing (no chromium, chromium-browser or google-chrome on the path); install it "
        "with its driver (Debian: apt install chromium chromium-driver)",
    ),
    pytest.mark.skipif(
        bool(CHROMIUM) and not DRIVER,
        reason=f"chromedriver is missing (not on the path, nor at /usr/bin/chromedriver), but not {CHROMIUM}"
        "; install the driver of the same version (Debian: apt install chromium-driver)",
    ),
]


@pytest.fixture(scope="module")
def address(studies, index, coordinates, tmp_path_factory):
    tables = studies.make_tables()
    explorer = make_explorer(coordinates, index, studies.make_prepared(index))
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(
        build_report(ReportContent(tables, draw_ingest_figures(tables), explorer)), encoding="utf-8"
    )
    return path.as_uri()


@pytest.fixture(params=[1280, 1920])
def browser(request, address):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.add_argument(f"--window-size={request.param},1000")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.get(address)
    WebDriverWait(driver, 60).until(lambda d: d.find_elements(By.CSS_SELECTOR, "#plot-right .point"))
    yield driver
    driver.quit()


def points(browser, side):
    return browser.find_elements(By.CSS_SELECTOR, f"#plot-{side} .scatterlayer .trace .point")


def ring_of(browser, side):
    return browser.execute_script(
        f"const t = document.getElementById('plot-{side}').data.at(-1); return [t.x, t.y];"
    )


def test_report_works_without_errors_or_requests(browser):
    width = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1]
    requests = browser.execute_script(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    )
    assert [name for name in requests if not name.startswith(("data:", "blob:"))] == []
    _hover_shows_the_same_capture_in_both_maps(browser)
    _filter_leaves_the_chosen_species(browser)
    _colour_follows_the_label(browser)
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


def _hover_shows_the_same_capture_in_both_maps(browser):
    browser.execute_script(
        "document.getElementById('plot-left').scrollIntoView({block: 'center', behavior: 'instant'})"
    )
    ActionChains(browser).move_to_element(points(browser, "left")[4]).perform()
    WebDriverWait(browser, 20).until(lambda d: "capture" in d.find_element(By.ID, "facts").text)
    capture = browser.find_element(By.CSS_SELECTOR, "#facts dd").text
    number, maps = browser.execute_script(
        "const data = JSON.parse(document.getElementById('explorer-data').textContent);"
        f"return [data.captures.indexOf('{capture}'), data.maps];"
    )
    for side, one in zip(("left", "right"), maps, strict=False):
        at = one["capture"].index(number)
        assert ring_of(browser, side) == [[one["x"][at]], [one["y"][at]]]
    pictures = [
        browser.find_element(By.ID, f"thumb-{m}").value_of_css_property("background-image")
        for m in ("rgb", "uv")
    ]
    assert all(picture.startswith('url("data:image/jpeg') for picture in pictures)
    assert pictures[0] != pictures[1]


def _filter_leaves_the_chosen_species(browser):
    assert len(points(browser, "left")) >= 60
    browser.find_element(By.CSS_SELECTOR, "#filter summary").click()
    browser.find_element(By.ID, "none").click()
    assert browser.find_element(By.ID, "shown").text == "0 of 60 captures"
    browser.find_elements(By.CSS_SELECTOR, "#classes input")[1].click()
    assert browser.find_element(By.ID, "shown").text == "12 of 60 captures"
    names = browser.execute_script(
        "const traces = document.getElementById('plot-right').data;"
        "return traces.filter((trace) => trace.customdata?.length).map((trace) => trace.name);"
    )
    assert names == ["Gonepteryx rhamni"]
    assert browser.find_element(By.ID, "legend").text == "Gonepteryx rhamni"
    browser.find_element(By.ID, "all").click()
    assert browser.find_element(By.ID, "shown").text == "60 of 60 captures"


def _colour_follows_the_label(browser):
    Select(browser.find_element(By.ID, "colour-by")).select_by_visible_text("sex")
    names = browser.execute_script("return document.getElementById('plot-left').data.map((t) => t.name)")
    assert names[:3] == ["female", "male", "unlabelled"]
