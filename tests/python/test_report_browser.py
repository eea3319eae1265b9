"""The HTML report in a real browser: it opens offline without errors, and the slider moves numbers and charts."""

from __future__ import annotations

import json
import shutil
import time

import pytest

import isoflop as iso

from .test_report import HOSTILE, simulated

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browser_and_driver():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return found, shutil.which("chromedriver")


@pytest.fixture(scope="module")
def driver():
    """Return a headless Chromium that keeps a log of its console and of every request."""
    browser, server = browser_and_driver()
    if not (browser and server):
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    # No sandbox: root and many containers cannot have one, and the pages are our own.
    for word in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "window-size=1200,1000"):
        options.add_argument(f"--{word}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(server))
    yield made
    made.quit()


@pytest.fixture(scope="module")
def page(driver, tmp_path_factory):
    """Return the browser with a report of a hostile table open, and its logs so far."""
    table = simulated().to_frame().to_dict(as_series=False)
    table |= {HOSTILE: [f"{HOSTILE}{i // 2}" for i in range(36)]}
    path = tmp_path_factory.mktemp("browser") / "report.html"
    options = {"title": HOSTILE, "target": 1e22, "n_resamples": 400, "backtest": False}
    iso.report.write(iso.Runs(table, groups=HOSTILE), path, **options)
    driver.get(path.as_uri())
    until(driver, "return document.documentElement.dataset.ready === 'yes'")
    return driver


def until(driver, script, seconds=20):
    """Wait for a script to return something true, and return that."""
    end = time.monotonic() + seconds
    while not (found := driver.execute_script(script)):
        assert time.monotonic() < end, f"still not: {script}"
        time.sleep(0.05)
    return found


def reading(driver, name):
    return driver.execute_script(f"return document.querySelector('[data-reading=\"{name}\"]').textContent")


def marker(driver, chart):
    """Return where the last trace's point is on the screen."""
    last = f"[...document.querySelectorAll('#{chart} .scatterlayer .trace')].pop()"
    box = driver.execute_script(f"const r = {last}.querySelector('.point').getBoundingClientRect(); return [r.x, r.y]")
    return tuple(box)


def middle(driver, selector):
    """Return the middle of an element in the window."""
    script = "const r = document.querySelector(arguments[0]).getBoundingClientRect()"
    return [
        int(v) for v in driver.execute_script(f"{script}; return [r.x + r.width / 2, r.y + r.height / 2]", selector)
    ]


def mouse(driver, *moves):
    """Let a real mouse do things one after the other."""
    from selenium.webdriver.common.actions.action_builder import ActionBuilder

    actions = ActionBuilder(driver)
    does = {
        "move": actions.pointer_action.move_to_location,
        "press": actions.pointer_action.pointer_down,
        "release": actions.pointer_action.pointer_up,
    }
    for name, *place in moves:
        does[name](*place)
    actions.perform()


def move(driver, keys):
    from selenium.webdriver.common.by import By

    slider = driver.find_element(By.ID, "budget")
    before = int(slider.get_attribute("value"))
    slider.send_keys(keys)
    return before, int(slider.get_attribute("value"))


def test_opens_without_errors_or_requests(page):
    assert [entry for entry in page.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    messages = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert asked
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert (
        page.execute_script("return performance.getEntriesByType('resource').filter(e => /^http/.test(e.name))") == []
    )


def test_hostile_table_adds_no_element(page):
    assert page.execute_script("return document.querySelectorAll('img, iframe, object').length") == 0
    assert page.title == HOSTILE
    assert page.execute_script("return document.querySelector('h1').textContent") == HOSTILE


def test_every_chart_is_drawn(page):
    names = page.execute_script("return [...document.querySelectorAll('.chart')].map(e => e.id)")
    assert {"valley", "plane", "scaling", "forecast", "residuals"} <= set(names)
    drawn = page.execute_script(
        "return [...document.querySelectorAll('.chart')].map(e => e.querySelectorAll('.trace').length)"
    )
    assert min(drawn) > 0


def test_slider_moves_numbers_and_charts(page):
    from selenium.webdriver.common.keys import Keys

    steps = page.execute_script("return JSON.parse(document.getElementById('steps').textContent)")
    names = ("C", "N", "N_low", "N_high", "D", "loss", "new_low", "tokens_per_param_high", "near_10")
    for keys in (Keys.ARROW_LEFT * 9, Keys.END, Keys.HOME, Keys.ARROW_RIGHT * 4):
        at = {chart: marker(page, chart) for chart in ("valley", "plane")}
        before, now = move(page, keys)
        assert before != now
        said = steps["readings"][now]
        until(page, f"return document.querySelector('[data-reading=C]').textContent === {json.dumps(said['C'])}")
        assert {name: reading(page, name) for name in names} == {name: said[name] for name in names}
        optimum = page.execute_script("const d = document.getElementById('valley').data; return d[d.length - 1].x[0]")
        assert optimum == steps["moving"]["valley"]["steps"][now]["x"][-1][0]
        assert marker(page, "plane") != at["plane"]
        cursor = page.execute_script("return document.getElementById('forecast').layout.shapes[0].x0")
        assert cursor == steps["moving"]["forecast"]["cursor"][now]
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_mouse_reads_a_run_and_zooms(page):
    page.execute_script("document.getElementById('residuals').scrollIntoView({block: 'center'})")
    mouse(page, ["move", *middle(page, "#residuals .point")])
    lines = "[...document.querySelectorAll('#residuals .hoverlayer text')].map(e => e.textContent).join(' ')"
    assert "onerror" in until(page, f"return {lines}")  # the label of the run, as text
    before = page.execute_script("return document.getElementById('residuals').layout.xaxis.range.slice()")
    x, y = middle(page, "#residuals .nsewdrag")
    mouse(page, ["move", x - 60, y - 60], ["press"], ["move", x + 20, y + 20], ["move", x + 60, y + 60], ["release"])
    until(page, f"return document.getElementById('residuals').layout.xaxis.range[0] > {before[0]}")


def test_no_button_shares_data(page):
    titles = page.execute_script("return [...document.querySelectorAll('.modebar-btn')].map(e => e.dataset.title)")
    assert titles
    assert not [title for title in titles if "share" in title.lower() or "cloud" in title.lower()]
