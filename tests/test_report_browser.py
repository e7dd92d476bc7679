"""The report in a real browser: no console error, figures that are not blank, light, dark, narrow."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from compare_cases import line_page, plane_page
from PIL import Image

pytestmark = pytest.mark.browser

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--v=0",
]
#: Measures the page into its own markup, where --dump-dom shows it.
PROBE = """<script>
addEventListener("load", () => {
  for (const figure of document.querySelectorAll("figure")) {
    const box = figure.getBoundingClientRect();
    figure.setAttribute("data-box", [box.x, box.y, box.width, box.height].map(Math.round).join(" "));
  }
  const root = document.documentElement;
  root.setAttribute("data-size", [root.scrollWidth, root.scrollHeight].join(" "));
});
</script></body>"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """Runs Chromium on a file, returns its standard output and its console messages."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on PATH: install Debian's package chromium to test the report in a browser")

    def run(path, *flags, width=1200, height=3000, dark=False):
        profile = tmp_path_factory.mktemp("profile")
        scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
        command = [program, *FLAGS, scheme, f"--user-data-dir={profile}", f"--window-size={width},{height}", *flags]
        done = subprocess.run([*command, path.as_uri()], capture_output=True, text=True, timeout=120, check=True)
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    return run


@pytest.fixture(scope="module")
def line_report(tmp_path_factory):
    path = tmp_path_factory.mktemp("line") / "report.html"
    path.write_text(line_page(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def plane_report(tmp_path_factory):
    path = tmp_path_factory.mktemp("plane") / "report.html"
    path.write_text(plane_page(), encoding="utf-8")
    return path


def layout(chromium, report, width=1200, height=3000):
    """Boxes (x, y, width, height) of the figures, and width and height of the page."""
    text = report.read_text(encoding="utf-8")
    probed = report.with_name("probed.html")
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text).replace("</body>", PROBE)
    probed.write_text(text, encoding="utf-8")
    dom, _ = chromium(probed, "--dump-dom", width=width, height=height)
    boxes = [tuple(map(int, found.split())) for found in re.findall(r'data-box="([^"]*)"', dom)]
    return boxes, tuple(map(int, re.search(r'data-size="([^"]*)"', dom)[1].split()))


def screenshot(chromium, report, name, **look):
    path = report.with_name(f"{name}.png")
    _, messages = chromium(report, f"--screenshot={path}", **look)
    assert messages == []
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def colours(image):
    """The distinct colours of an image and the share of its most frequent one."""
    packed = image.reshape(-1, 3).astype(np.int64) @ [1 << 16, 1 << 8, 1]
    _, counts = np.unique(packed, return_counts=True)
    return len(counts), counts.max() / counts.sum()


def test_console_errors_would_be_seen(chromium, tmp_path):
    page = tmp_path / "broken.html"
    page.write_text("<!doctype html><script>throw new Error('planted')</script>")
    _, messages = chromium(page, "--dump-dom")
    assert any("planted" in message for message in messages)


@pytest.mark.parametrize(("kind", "dark"), [("line_report", False), ("line_report", True), ("plane_report", True)])
def test_figures_are_drawn_in_light_and_dark(chromium, kind, dark, request):
    report = request.getfixturevalue(kind)
    boxes, (width, height) = layout(chromium, report)
    assert len(boxes) == 11
    assert width == 1200
    image = screenshot(chromium, report, f"dark-{dark}", height=height, dark=dark)
    assert image.shape == (height, width, 3)
    background = image[2, 2].mean()
    assert background < 40 if dark else background > 230
    for x, y, w, h in boxes:
        assert w > 250
        assert h > 180
        figure = image[y + 2 : y + h - 2, x + 2 : x + w - 2]
        count, most = colours(figure)
        assert count > 50
        assert 0.1 < most < 0.97
        # Text and axes stand out from the card they are drawn on.
        assert np.ptp(figure.mean(axis=2)) > 150


def test_a_narrow_window_does_not_scroll_sideways(chromium, line_report):
    boxes, (width, _) = layout(chromium, line_report, width=500)
    assert width == 500
    assert all(x >= 0 and x + w <= 500 for x, _, w, _ in boxes)


def test_the_page_prints(chromium, line_report):
    path = line_report.with_name("report.pdf")
    _, messages = chromium(line_report, f"--print-to-pdf={path}", dark=True)
    assert messages == []
    assert path.read_bytes().startswith(b"%PDF-")
