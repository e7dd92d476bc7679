"""Figures as files of their own: sizes, fonts, colours, and curves that differ without colour."""

import re

import numpy as np
import pytest
from compare_cases import line_comparison, plane_comparison
from matplotlib.figure import Figure
from PIL import Image

from freqbias.compare import panels
from freqbias.compare.figures.files import write_figures
from freqbias.compare.figures.style import LEVEL_COLOURS, figure_style
from freqbias.errors import InputError


@pytest.fixture
def few(monkeypatch):
    """Two panels in place of all: drawing takes time."""
    monkeypatch.setattr(panels, "PANELS", [panels.decay, panels.phase])


def page_size(path):
    """Width and height in inches."""
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", path.read_bytes())
    return float(box[1]) / 72, float(box[2]) / 72


def test_every_figure_is_written_in_every_format(tmp_path, monkeypatch):
    monkeypatch.setattr(panels, "PANELS", [panels.decay, panels.heat_maps, panels.computation])
    paths = write_figures(line_comparison(), tmp_path / "figures", formats=("svg", "png"))
    names = ["decay", "heat-pde", "heat-kernel", "heat-network"]
    names += ["heat-network-vs-pde", "heat-network-vs-kernel", "heat-kernel-vs-pde"]
    assert [path.name for path in paths] == [f"{name}.{form}" for name in names for form in ("svg", "png")]
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(path.name for path in paths)


@pytest.mark.parametrize("style", ["report", "paper"])
def test_a_file_stands_alone(tmp_path, few, style):
    write_figures(line_comparison(), tmp_path, style, ("svg", "png"))
    svg = (tmp_path / "decay.svg").read_text(encoding="utf-8")
    assert "var(--" not in svg
    assert "<title>Decay curves of PDE and network</title>" in svg
    # Letters are shapes: no font is needed.
    assert "<text" not in svg
    with Image.open(tmp_path / "decay.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    assert (pixels[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()
    assert pixels.min() < 60


def test_the_paper_has_columns_and_fonts(tmp_path, few):
    decay, phase = write_figures(line_comparison(), tmp_path, "paper", ("pdf",))
    assert page_size(decay)[0] == pytest.approx(3.4, abs=0.01)
    assert page_size(phase)[0] == pytest.approx(7.0, abs=0.01)
    for path in (decay, phase):
        content = path.read_bytes()
        assert b"STIX" in content
        assert b"/FontFile2" in content  # TrueType
        assert b"/Type3" not in content
        assert b"/CreationDate" not in content


def test_equal_input_gives_equal_files(tmp_path, few):
    first = write_figures(line_comparison(), tmp_path / "a", "paper")
    again = write_figures(line_comparison(), tmp_path / "b", "paper")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_curves_differ_without_colour():
    """Every two curves of an axes have other dashes or other markers."""
    builders = [panels.decay, panels.differences, panels.phase, panels.spectra, panels.emergence]
    builders += [panels.rates, panels.bias, panels.split, panels.loss]
    for build in builders:
        for drawing in build(line_comparison(), {}).drawings:
            with figure_style("paper", "x"):
                figure = Figure()
                drawing.function(figure)
            for axes in figure.axes:
                lines = [line for line in axes.get_lines() if line.get_visible() and len(line.get_xdata()) > 2]
                looks = [(str(line._unscaled_dash_pattern), line.get_marker()) for line in lines]
                assert len(looks) == len(set(looks)), drawing.identifier


def test_maps_share_one_logarithmic_scale_and_are_equal_in_aspect():
    for drawing in panels.maps(plane_comparison(), {}).drawings:
        with figure_style("report", "x"):
            figure = Figure()
            drawing.function(figure)
        images = [image for axes in figure.axes for image in axes.images]
        assert len(images) == {"film": 4, "maps": 15}[drawing.identifier]
        assert len({id(image.norm) for image in images}) == 1
        assert images[0].norm.vmax / images[0].norm.vmin == pytest.approx(
            {"film": 1e6, "maps": 1e5}[drawing.identifier]
        )
        assert all(image.axes.get_aspect() == 1 for image in images)
        # The first image is that of the PDE: largest at the wave (3, 1) or (6, -4) of the target, up to the sign.
        values = images[0].get_array()
        row, column = np.unravel_index(values.argmax(), values.shape)
        left, right, bottom, top = images[0].get_extent()
        place = (
            left + (column + 0.5) * (right - left) / values.shape[1],
            bottom + (row + 0.5) * (top - bottom) / values.shape[0],
        )
        waves = np.array([(3, 1), (-3, -1), (6, -4), (-6, 4)])
        assert np.abs(waves - place).max(axis=1).min() < 0.6


def test_level_colours_stay():
    assert len(set(LEVEL_COLOURS.values())) == 3


def test_mistakes_are_told(tmp_path, few):
    with pytest.raises(InputError, match="style = 'poster': must be one of report, paper"):
        write_figures(line_comparison(), tmp_path, "poster")
    with pytest.raises(InputError, match="format = 'gif': must be one of svg, pdf, png"):
        write_figures(line_comparison(), tmp_path, formats=("svg", "gif"))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_figures(line_comparison(), tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
