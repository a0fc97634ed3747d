"""The report in a real browser."""

import shutil

import pandas as pd
import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from xmodal_pipeline.params.root import Parameters
from xmodal_pipeline.reporting import figure as printing
from xmodal_pipeline.reporting.similarity.umap import MappedCaptures

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
def address(studies, index, mapped, tmp_path_factory):
    study = studies.make_study()
    other = mapped.coordinates.assign(variant="separate", x=-mapped.coordinates["x"])
    both = MappedCaptures(pd.concat([mapped.coordinates, other]))
    chosen = studies.make_chosen(index, "concat")
    tables = {"mapped_captures": both, "prepared": studies.make_prepared(index), "chosen_variant": chosen}
    write = printing.figure_bytes
    with pytest.MonkeyPatch.context() as patch:
        # No page shows a PDF, and they take most of the drawing.
        patch.setattr(printing, "figure_bytes", lambda f, to: b"" if to == "pdf" else write(f, to))
        figures = studies.draw_data(study, studies.make_tables(), Parameters())
        sections = studies.make_sections(study, **tables, **figures)
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(studies.make_page(study, sections), encoding="utf-8")
    return path.as_uri()


def open_page(address, width, height):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    # A window has a frame, and is never as narrow as a phone.
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(address)
    WebDriverWait(driver, 60).until(lambda d: d.find_elements(By.CSS_SELECTOR, "#plot-right .point"))
    return driver


@pytest.fixture(params=[(1280, 800), (1920, 1080)])
def browser(request, address):
    driver = open_page(address, *request.param)
    yield driver
    driver.quit()


def test_the_first_screen_is_one_screen_and_a_phone_scrolls_down_only(address):
    for width, height in ((1280, 800), (390, 844)):
        driver = open_page(address, width, height)
        try:
            wide = driver.execute_script("return document.documentElement.scrollWidth")
            end = driver.execute_script(
                "return document.querySelector('header').getBoundingClientRect().bottom"
            )
            assert wide <= width
            assert end <= height or width < 500
        finally:
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
    _filters_go_together_and_nothing_jumps(browser)
    _another_variant_has_maps_of_its_own(browser)
    _colour_follows_the_label(browser)
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


def _hover_shows_the_same_capture_in_both_maps(browser):
    browser.execute_script(
        "document.getElementById('plot-left').scrollIntoView({block: 'center', behavior: 'instant'})"
    )
    ActionChains(browser).move_to_element(points(browser, "left")[4]).perform()
    WebDriverWait(browser, 20).until(lambda d: ring_of(d, "left") != [[], []])
    capture = browser.find_element(By.CSS_SELECTOR, "#facts dd").text
    number, maps = browser.execute_script(
        "const data = JSON.parse(document.getElementById('explorer-data').textContent);"
        f"return [data.captures.indexOf('{capture}'), data.maps.filter((map) => map.variant === 'concat')];"
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


def shown_names(browser):
    return browser.execute_script(
        "const traces = document.getElementById('plot-right').data;"
        "return traces.filter((trace) => trace.customdata?.length).map((trace) => trace.name);"
    )


def frame(browser):
    """Where the left plot lies on the page, and what part of the map it shows."""
    return browser.execute_script(
        "const plot = document.getElementById('plot-left');"
        "const { xaxis, yaxis } = plot.layout;"
        "return [plot.getBoundingClientRect().top + scrollY, xaxis.range, yaxis.range];"
    )


def _filters_go_together_and_nothing_jumps(browser):
    def menu(label):
        return browser.find_element(By.CSS_SELECTOR, f"#filters details[data-label={label}]")

    def press(label, text):
        browser.execute_script(
            f"[...document.querySelectorAll('#filters [data-label={label}] button')]"
            f".find((button) => button.textContent === '{text}').click()"
        )

    def tick(label, number):
        browser.execute_script(
            f"document.querySelectorAll('#filters [data-label={label}] input')[{number}].click()"
        )

    before = frame(browser)
    menu("species").find_element(By.TAG_NAME, "summary").click()
    assert menu("species").get_attribute("open")
    press("species", "None")
    assert browser.find_element(By.ID, "shown").text == "0 of 60 captures"
    tick("species", 1)
    assert browser.find_element(By.ID, "shown").text == "12 of 60 captures"
    assert shown_names(browser) == ["Gonepteryx rhamni"]
    menu("sex").find_element(By.TAG_NAME, "summary").click()
    assert not menu("species").get_attribute("open")
    press("sex", "None")
    tick("sex", 0)
    assert browser.find_element(By.ID, "shown").text == "6 of 60 captures"
    assert frame(browser) == before
    legend = browser.find_elements(By.CSS_SELECTOR, "#legend li")
    assert [item.text for item in legend if not item.get_attribute("class")] == ["Gonepteryx rhamni"]
    assert len(legend) == 5
    press("species", "All")
    press("sex", "All")
    assert browser.find_element(By.ID, "shown").text == "60 of 60 captures"


def _another_variant_has_maps_of_its_own(browser):
    def left():
        return browser.execute_script("return document.getElementById('plot-left').data[0].x")

    own = left()
    Select(browser.find_element(By.ID, "variant")).select_by_visible_text("separate")
    assert left() == [-x for x in own]
    Select(browser.find_element(By.ID, "variant")).select_by_visible_text("concat")
    assert left() == own


def _colour_follows_the_label(browser):
    Select(browser.find_element(By.ID, "colour-by")).select_by_visible_text("sex")
    names = browser.execute_script("return document.getElementById('plot-left').data.map((t) => t.name)")
    assert names[:3] == ["female", "male", "unlabelled"]


def test_a_term_shows_its_meaning_to_the_pointer_and_to_the_keyboard(browser):
    term = browser.find_element(By.CSS_SELECTOR, "header dfn")
    browser.execute_script("arguments[0].focus()", term)
    shown = browser.execute_script("return getComputedStyle(arguments[0], '::after').content", term)
    assert term.get_attribute("data-meaning") in shown
    listed = browser.find_element(By.ID, term.get_attribute("aria-describedby"))
    assert listed.get_attribute("textContent") == term.get_attribute("data-meaning")
