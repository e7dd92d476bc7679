"""The report in a real browser: what moves and what is told, figures that are not blank, light, dark, narrow, print."""

import base64
import hashlib
import html
import json
import re
import shutil
import subprocess
import zlib
from io import BytesIO

import numpy as np
import pytest
from compare_cases import line_comparison, line_page, plane_comparison, plane_page
from PIL import Image

from freqbias.compare.figures.curves import milestones
from freqbias.compare.numbers import short

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
#: For scripts that look at the page: what they find is put into its markup, where --dump-dom shows it. ``place`` is the
#: spot in the window of the data (x, y) in one axes of a figure, worked out anew from the page's data.
PROBE = """
const page = JSON.parse(document.getElementById("page-data").textContent);
const pause = (milliseconds) => new Promise((go) => setTimeout(go, milliseconds));
const svgOf = (figure) => document.querySelector(`#figure-${figure} svg`);
function place(figure, number, x, y) {
  const { box: [left, top, width, height], x: across, y: up } = page.figures[figure][number];
  const part = (axis, value) => {
    const [low, high, at] = [...axis.limits, value].map((one) => (axis.log ? Math.log(one) : one));
    return (at - low) / (high - low);
  };
  const at = new DOMPoint(left + width * part(across, x), top + height * (1 - part(up, y)));
  return at.matrixTransform(svgOf(figure).getScreenCTM());
}
async function hover(figure, number, x, y) {
  const { x: clientX, y: clientY } = place(figure, number, x, y);
  svgOf(figure).dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, bubbles: true }));
  await pause(100);
  const tooltip = document.getElementById("tooltip");
  const texts = (row) => [...row.cells].slice(1).map((cell) => cell.textContent);
  const rows = [...tooltip.querySelectorAll("tr")].map(texts);
  return { hidden: tooltip.hidden, heading: tooltip.querySelector("strong")?.textContent, rows };
}
function state() {
  const found = { cursors: {}, curves: {}, films: [], readout: {} };
  const all = (parent, selector) => [...parent.querySelectorAll(selector)];
  for (const figure of all(document, "figure")) {
    const name = figure.id.replace("figure-", "");
    const ends = (line) => [line.x1, line.y1].map((end) => end.baseVal.value);
    found.cursors[name] = all(figure, ".cursor").map(ends);
    found.curves[name] = all(figure, ".moving").map((path) => [path.dataset.label, path.getAttribute("d")]);
    found.films.push(...all(figure, ".film").map((film) => film.getAttribute("href")));
  }
  for (const cell of all(document, "[data-readout]")) found.readout[cell.dataset.readout] = cell.textContent;
  found.time = document.getElementById("time-now").textContent;
  found.spoken = document.getElementById("time").getAttribute("aria-valuetext");
  return found;
}
function move(k) {
  const slider = document.getElementById("time");
  slider.value = k;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
}
(async () => {
  while (!document.documentElement.dataset.ready) await pause(20);
  const textContent = JSON.stringify(await (async () => { %s })());
  document.body.append(Object.assign(document.createElement("pre"), { id: "found", textContent }));
})();
"""


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


def probe(chromium, report, script, **look):
    """What the body ``script`` of an asynchronous function returns in the page, whose own policy stays in force."""
    program = PROBE % script
    digest = base64.b64encode(hashlib.sha256(program.encode()).digest()).decode()
    text = report.read_text(encoding="utf-8").replace("script-src '", f"script-src 'sha256-{digest}' '", 1)
    probed = report.with_name("probed.html")
    probed.write_text(text.replace("</body>", f"<script>{program}</script></body>"), encoding="utf-8")
    dom, messages = chromium(probed, "--dump-dom", "--virtual-time-budget=20000", **look)
    assert messages == []
    return json.loads(html.unescape(re.search(r'<pre id="found">(.*?)</pre>', dom, flags=re.DOTALL)[1]))


def layout(chromium, report, width=1200, height=3000):
    """Boxes (x, y, width, height) of the figures, and width and height of the page."""
    script = """
      const boxes = [...document.querySelectorAll("figure")].map((figure) => figure.getBoundingClientRect());
      const rounded = boxes.map((box) => [box.x, box.y + scrollY, box.width, box.height].map(Math.round));
      return [rounded, [document.documentElement.scrollWidth, document.documentElement.scrollHeight]];
    """
    return probe(chromium, report, script, width=width, height=height)


def number(text):
    """The number that a text of ``short`` shows."""
    mantissa, _, exponent = text.partition("·10")
    return float(mantissa) * 10.0 ** int(exponent.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0)


def screenshot(chromium, report, name, **look):
    path = report.with_name(f"{name}.png")
    _, messages = chromium(report, f"--screenshot={path}", "--virtual-time-budget=20000", **look)
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
    assert len(boxes) == {"line_report": 15, "plane_report": 17}[kind]
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


def test_the_slider_moves_everything(chromium, line_report):
    comparison = line_comparison()
    script = "const start = state(); move(5); const early = state(); move(20); return [start, early, state()];"
    start, early, late = probe(chromium, line_report, script)
    assert start["time"] == short(comparison.worst_time["network_vs_pde"])
    for k, found in ((5, early), (20, late)):
        assert found["time"] == short(comparison.times[k])
        assert found["spoken"] == f"t = {found['time']}"
        for pair in comparison.pairs:
            assert found["readout"][f"Relative error: {pair.name}"] == short(comparison.relative_error[pair.key][k], 2)
        assert found["readout"]["Error left: PDE"] == short(comparison.remaining["pde"][k], 2)
        assert found["readout"]["Loss: network"] == short(comparison.measured_loss["network"][k], 2)
    # A cursor on every axis of time, at the place of the time between the limits of the axis.
    data = json.loads(re.search(r'id="page-data">(.*?)</script>', line_page())[1])["figures"]
    counts = {name: len(cursors) for name, cursors in early["cursors"].items()}
    assert counts == {
        **{name: 1 for name in counts if name.startswith("heat-")},
        **dict.fromkeys(("errors", "emergence", "rates", "split", "loss"), 1),
        **dict.fromkeys(("decay", "phase", "bias"), 2),
        "spectra": 0,
    }
    for name, cursors in early["cursors"].items():
        for axes, before, after in zip(data[name], cursors, late["cursors"][name], strict=name != "spectra"):
            end = 0 if axes["x"]["time"] else 1
            limits = np.log(axes["xy"[end]]["limits"])
            # A time beyond the limits is shown at their end.
            parts = np.clip((np.log(comparison.times[[5, 20]]) - limits[0]) / np.ptp(limits), 0, 1)
            if end == 0:
                wanted = axes["box"][0] + parts * axes["box"][2]
            else:
                wanted = axes["box"][1] + (1 - parts) * axes["box"][3]
            assert [before[end], after[end]] == pytest.approx(wanted, abs=0.02)
    # The spectra of all levels at that time.
    (axes,) = data["spectra"]
    low, high = np.log(axes["y"]["limits"])
    for k, found in ((5, early), (20, late)):
        labels = [label for label, _ in found["curves"]["spectra"]]
        assert labels == ["PDE", "kernel flow", "network"]
        points = np.array(re.findall(r"[ML]([-\d.]+) ([-\d.]+)", found["curves"]["spectra"][0][1]), dtype=float)
        xi = (points[:, 0] - axes["box"][0]) / axes["box"][2] * axes["x"]["limits"][1]
        values = np.exp(low + (1 - (points[:, 1] - axes["box"][1]) / axes["box"][3]) * (high - low))
        exact = np.interp(xi, comparison.profiles.frequencies, comparison.profiles.magnitude["pde"][k])
        seen = exact > np.exp(low)
        assert seen.sum() > 50
        np.testing.assert_allclose(values[seen], exact[seen], rtol=0.02)


def test_the_slider_plays(chromium, line_report):
    script = """
      move(22);
      const play = document.getElementById("play");
      play.click();
      const pressed = play.getAttribute("aria-pressed");
      await pause(3000);
      const [k, after] = [document.getElementById("time").value, play.getAttribute("aria-pressed")];
      const { x: clientX, y: clientY } = place("decay", 0, page.times[7], 0.1);
      svgOf("decay").dispatchEvent(new MouseEvent("click", { clientX, clientY, bubbles: true }));
      return [pressed, k, after, document.getElementById("time").value];
    """
    last = str(len(line_comparison().times) - 1)
    assert probe(chromium, line_report, script) == ["true", last, "false", "7"]


def test_values_under_the_pointer(chromium, line_report):
    comparison = line_comparison()
    t, xi = comparison.times[12], comparison.profiles.frequencies
    script = f"""
      move(8);
      return {{
        decay: await hover("decay", 0, {t * 1.02}, 0.1),
        difference: await hover("decay", 1, {t * 0.98}, {comparison.relative_error["network_vs_pde"][12]}),
        heat: await hover("heat-pde", 0, {t}, 5.01),
        spectrum: await hover("spectra", 0, 8.0, 1e-3),
        emergence: await hover("emergence", 0, 5.0, 50),
        nothing: await hover("decay", 0, 1e-3, 0.1),
      }};
    """
    found = probe(chromium, line_report, script)
    decay = found["decay"]
    assert decay["heading"] == f"t = {short(t)}"
    wanted = [
        [f"ξ = {short(frequency[0])}, {comparison.names[level]}", short(comparison.decay.ratio[level][12, k])]
        for k, frequency in enumerate(comparison.decay.frequencies)
        for level in ("pde", "network")
    ]
    assert decay["rows"] == wanted
    assert found["difference"]["rows"] == [
        ["relative difference", short(comparison.relative_error["network_vs_pde"][12])]
    ]
    heading, rows = found["heat"]["heading"], found["heat"]["rows"]
    frequency = float(heading.split("ξ = ")[1])
    assert heading.startswith(f"t = {short(t)}, ")
    assert frequency == pytest.approx(5.01, abs=0.2)
    exact = np.interp(frequency, xi, comparison.profiles.magnitude["pde"][12])
    assert rows[0][0] == "|v̂|"
    assert number(rows[0][1]) == pytest.approx(exact, rel=0.006)
    # The curves that move, at the time of the slider.
    frequency = float(found["spectrum"]["heading"].removeprefix("ξ = "))
    assert frequency == pytest.approx(8.0, abs=0.1)
    assert [name for name, _ in found["spectrum"]["rows"]] == ["PDE", "kernel flow", "network"]
    for level, (_, text) in zip(comparison.spectra, found["spectrum"]["rows"], strict=False):
        exact = np.interp(frequency, xi, comparison.profiles.magnitude[{"PDE": "pde"}.get(level, level)][8])
        assert number(text) == pytest.approx(exact, rel=0.02)
    assert [name for name, _ in found["emergence"]["rows"]][:3] == ["PDE", "kernel flow", "network"]
    assert found["nothing"]["hidden"]


def test_maps_move_and_tell_values(chromium, plane_report):
    comparison = plane_comparison()
    k, mesh = 6, comparison.problem.mesh
    script = f"""
      move(0);
      const first = state();
      move({k});
      return [first, state(), await hover("film", 0, 3, 1), await hover("film", 3, 3, 1)];
    """
    first, later, pde, difference = probe(chromium, plane_report, script)
    assert len(first["films"]) == len(later["films"]) == 4
    assert all(a != b for a, b in zip(first["films"], later["films"], strict=True))
    # At time 0 there is no difference: everything is the lowest colour of viridis.
    prefix = "data:image/png;base64,"
    with Image.open(BytesIO(base64.b64decode(first["films"][3].removeprefix(prefix)))) as image:
        assert image.size[0] == image.size[1]
        assert {tuple(pixel) for pixel in np.asarray(image).reshape(-1, 4)} == {(0x44, 0x01, 0x54, 255)}
    spectra = [comparison.spectra[level].values[k] for level in ("pde", "network")]
    for found, values in ((pde, spectra[0]), (difference, spectra[1] - spectra[0])):
        place = [float(part.split(" = ")[1]) for part in found["heading"].split(", ")]
        assert place == pytest.approx([3, 1], abs=0.2)
        exact = np.abs(values[mesh.node_numbers(np.array([place]))[0]])
        assert number(found["rows"][0][1]) == pytest.approx(exact, rel=0.02)


def test_a_narrow_window_does_not_scroll_sideways(chromium, line_report):
    boxes, (width, _) = layout(chromium, line_report, width=500)
    assert width == 500
    assert all(x >= 0 and x + w <= 500 for x, _, w, _ in boxes)


def printed(chromium, report, dark=False):
    """What is drawn on the pages of the PDF that the browser prints."""
    path = report.with_name("report.pdf")
    _, messages = chromium(
        report, f"--print-to-pdf={path}", "--no-pdf-header-footer", "--virtual-time-budget=20000", dark=dark
    )
    assert messages == []
    content = path.read_bytes()
    assert content.startswith(b"%PDF-")
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, flags=re.DOTALL)
    return content, [_inflated(stream) for stream in streams]


def _inflated(stream):
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return stream


def test_the_page_prints_all_figures_and_no_slider(chromium, line_report, tmp_path):
    """The same as a page that never had a slider, a script or anything under the pointer."""
    content, streams = printed(chromium, line_report, dark=True)
    text = line_report.read_text(encoding="utf-8")
    still = tmp_path / "report.html"
    still.write_text(re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL), encoding="utf-8")
    without, still_streams = printed(chromium, still)
    assert content.count(b"/Type /Page\n") == without.count(b"/Type /Page\n") > 5
    drawn = [stream for stream in streams if b" re\n" in stream or b" l\n" in stream]
    assert drawn == [stream for stream in still_streams if b" re\n" in stream or b" l\n" in stream]


def test_without_a_script_the_page_is_complete(chromium, line_report, tmp_path):
    text = re.sub(r"<script>.*?</script>", "", line_report.read_text(encoding="utf-8"), flags=re.DOTALL)
    still = tmp_path / "still.html"
    still.write_text(text, encoding="utf-8")
    dom, messages = chromium(still, "--dump-dom")
    assert messages == []
    assert re.search(r'id="time-bar"[^>]* hidden', dom)
    assert dom.count("<figure") == 15
    assert dom.count("milestone-") >= 2 * len(milestones(line_comparison()))
