"""Laws of the frequencies, their sampling and quadrature, and the neurons that start from them (THEORY section 6)."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import cumulative_trapezoid

from freqbias.initialization import initialize_neurons
from freqbias.laws import Laplace, Mixture, Normal, StudentT, Tabulated, Uniform
from freqbias.network_settings import FourierFeaturesSettings

TABLE_AXES = [[-4.0, -1.0, 0.5, 3.0, 6.0], [-2.0, 1.0, 2.0, 5.0]]
TABLE = [[0.0, 1.0, 2.0, 0.5], [1.0, 3.0, 0.2, 0.0], [2.0, 0.1, 1.0, 4.0], [0.3, 2.0, 1.5, 1.0], [0.0, 0.0, 1.0, 2.0]]

LAWS_1D = {
    "uniform": Uniform(scale=3.0, location=1.5),
    "uniform centred": Uniform(scale=3.0),
    "normal": Normal(scale=2.0, location=-1.0),
    "laplace": Laplace(scale=1.5, location=0.7),
    "student-t": StudentT(scale=2.0, location=1.2, dof=3.0),
    "mixture": Mixture(weights=[0.3, 0.7], components=[Normal(scale=1.0, location=4.0), Uniform(scale=2.0)]),
    "tabulated": Tabulated(axes=TABLE_AXES[:1], values=[1.0, 3.0, 0.5, 0.0, 2.0], normalize=True),
}
LAWS_2D = {
    "uniform": Uniform(scale=[3.0, 1.0], location=[1.5, -0.5]),
    "normal": Normal(scale=[2.0, 1.0], location=[-1.0, 0.4]),
    "laplace": Laplace(scale=[1.5, 0.8], location=[0.7, 0.0]),
    "student-t": StudentT(scale=[2.0, 1.0], location=[1.2, -1.0], dof=3.0),
    "mixture": Mixture(
        weights=[0.3, 0.7],
        components=[Normal(scale=[1.0, 2.0], location=[4.0, 0.0]), Normal(scale=2.0, location=[-1.0, 2.0])],
    ),
    "tabulated": Tabulated(axes=TABLE_AXES, values=TABLE, normalize=True),
}
#: Differences z of x at which characteristic functions are compared; both signs, so that correlations count.
DIFFERENCES = np.array([[0.0, 0.0], [0.3, 0.2], [0.5, -0.4], [1.0, 0.7], [-0.8, 1.1], [1.7, -0.2]])


def laws(dimension):
    chosen = LAWS_1D if dimension == 1 else LAWS_2D
    return [
        pytest.param(law.in_dimension(dimension), dimension, id=f"{name} {dimension}D") for name, law in chosen.items()
    ]


ALL_LAWS = laws(1) + laws(2)


def axis_quadrature(law, axis, dimension):
    """Nodes and weights on one axis: Gauss on the pieces of a law of bounded support, else a stretched trapezoid."""
    if isinstance(law, Uniform | Tabulated) or (isinstance(law, Mixture) and dimension == 1):
        bounded = law if not isinstance(law, Mixture) else None
        lines = np.array([-40.0, -2.0, 2.0, 40.0]) if bounded is None else law.breakpoints()[axis]
        if isinstance(law, Tabulated):
            lines = np.array(law.axes[axis])
        lines = np.unique(np.concatenate([np.linspace(a, b, 21) for a, b in pairwise(lines)]))
        nodes, weights = np.polynomial.legendre.leggauss(8)
        half = 0.5 * np.diff(lines)[:, None]
        return (0.5 * (lines[1:] + lines[:-1])[:, None] + half * nodes).ravel(), (half * weights).ravel()
    centre = 0.0 if isinstance(law, Mixture) else law.location[axis]
    count, limit = (400_001, 14.0) if dimension == 1 else (1001, 7.0)
    u = np.linspace(-limit, limit, count)
    return centre + np.sinh(u), np.cosh(u) * (u[1] - u[0])


def integral(law, dimension, function):
    """Integral of density times ``function`` of the frequencies, by tensor quadrature."""
    rules = [axis_quadrature(law, axis, dimension) for axis in range(dimension)]
    nodes = np.stack([n.ravel() for n in np.meshgrid(*(nodes for nodes, _ in rules), indexing="ij")], axis=1)
    weights = np.prod([w.ravel() for w in np.meshgrid(*(weights for _, weights in rules), indexing="ij")], axis=0)
    return function(nodes) @ (weights * law.density(nodes))


def tolerance(law, dimension):
    """Of the integrals: the tails of Student's t and the kink of Laplace's law limit the trapezoid in 2D."""
    return 2e-4 if dimension == 2 and isinstance(law, StudentT | Laplace) else 1e-6


@pytest.mark.parametrize(("law", "dimension"), ALL_LAWS)
def test_density_integrates_to_one(law, dimension):
    total = integral(law, dimension, lambda w: np.ones(len(w)))
    assert total == pytest.approx(1, abs=max(tolerance(law, dimension), 1e-3 * isinstance(law, StudentT)))


@pytest.mark.parametrize(("law", "dimension"), ALL_LAWS)
def test_characteristic_is_the_transform_of_the_density(law, dimension):
    differences = DIFFERENCES[:, :dimension]
    expected = integral(law, dimension, lambda w: np.cos(differences @ w.T))
    allowed = max(tolerance(law, dimension), 1e-3 * (dimension == 2 and isinstance(law, StudentT)))
    np.testing.assert_allclose(law.characteristic(differences), expected, rtol=0, atol=allowed)
    assert np.ptp(expected) > 0.3


@pytest.mark.parametrize(("law", "dimension"), ALL_LAWS)
def test_samples_have_the_characteristic_function(law, dimension):
    """cos and sin, so that a law mirrored by mistake is seen; 5 standard errors."""
    count, differences = 40_000, DIFFERENCES[1:, :dimension]
    samples = law.sample(count, np.random.default_rng(3))
    assert samples.shape == (count, dimension)
    for wave in (np.cos, np.sin):
        measured = wave(samples @ differences.T)
        expected = integral(law, dimension, lambda w, wave=wave: wave(differences @ w.T))
        error = 5 * measured.std(axis=0) / np.sqrt(count) + 1e-3 * (dimension == 2)
        assert (np.abs(measured.mean(axis=0) - expected) <= error).all()


@pytest.mark.parametrize(("law", "dimension"), laws(1))
def test_samples_follow_the_distribution_function(law, dimension):
    samples = np.sort(law.sample(20_000, np.random.default_rng(4))[:, 0])
    grid = np.unique(np.concatenate([np.linspace(-60, 60, 60_001), law.breakpoints()[0], samples[[0, -1]]]))
    below = cumulative_trapezoid(law.density(grid[:, None]), grid, initial=0)
    assert stats.ks_1samp(samples, lambda w: np.interp(w, grid, below / below[-1])).pvalue > 1e-3


@pytest.mark.parametrize(("law", "dimension"), ALL_LAWS)
def test_sampling_is_determined_by_the_seed(law, dimension):
    first, second = (law.sample(100, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(("law", "dimension"), ALL_LAWS)
def test_quadrature_reproduces_the_kernel(law, dimension):
    """The best rule is far more accurate than as many samples, and finer rules are better."""
    reach = np.full(dimension, 2.0)
    errors = []
    for count in (256, 4096):
        rule = law.best_rule(count, reach)
        assert rule.frequencies.shape == (count, dimension)
        assert rule.weights.sum() == pytest.approx(1, abs=1e-12)
        assert (rule.weights >= 0).all()
        errors.append(law.kernel_error(rule, reach))
    random = (2 * 4096) ** -0.5
    assert errors[1] < random / 4
    assert errors[1] < errors[0] / 3 or errors[0] < 1e-12


def kernel_errors(law, counts=(1024, 4096, 16384)):
    """Root-mean-square error of phi over |z_i| <= pi, by kind of rule."""
    errors = {}
    differences = np.random.default_rng(1).uniform(-np.pi, np.pi, (300, 2))
    phi = law.characteristic(differences)
    for count in counts:
        for rule in law.quadrature_rules(count):
            approximation = np.cos(differences @ rule.frequencies.T) @ rule.weights
            errors.setdefault(rule.name, []).append(np.sqrt(np.mean((approximation - phi) ** 2)))
    return {name: np.array(values) for name, values in errors.items()}


def test_table_of_rules_for_the_uniform_law_in_2d():
    """THEORY section 6, M = 10."""
    errors = kernel_errors(Uniform(scale=10.0).in_dimension(2))
    assert errors["weighted tensor grid"].max() <= 1e-13
    np.testing.assert_allclose(errors["equal-probability cells"], [7e-4, 2e-4, 4e-5], rtol=0.3)
    assert (errors["low-discrepancy points"] <= [1.5e-2, 4e-3, 2e-4]).all()


def test_table_of_rules_for_the_normal_law_in_2d():
    """THEORY section 6, standard deviation 5; weighted grids are spectrally accurate, the range is their limit."""
    law = Normal(scale=5.0).in_dimension(2)
    errors = kernel_errors(law)
    weighted = np.min([values for name, values in errors.items() if name.startswith("weighted tensor grid")], axis=0)
    assert (weighted <= [1e-6, 1e-11, 1e-11]).all()
    assert "weighted tensor grid" in law.best_rule(1024, np.full(2, np.pi)).name
    assert (errors["low-discrepancy points"] <= [1.5e-2, 4e-3, 1e-3]).all()
    assert (errors["low-discrepancy points"] >= [2e-3, 5e-4, 1e-4]).all()


@pytest.mark.parametrize(("dimension", "width"), [(1, 4000), (2, 1024), (3, 4096)])
def test_quadrature_neurons(dimension, width):
    """First and second moments of the amplitudes are exact at every frequency, and f = 0."""
    std, law = 1.7, Normal(scale=3.0, location=0.5).in_dimension(dimension)
    network = FourierFeaturesSettings(width=width, amplitude_std=std, law=law)
    neurons = initialize_neurons(network, seed=0, reach=np.full(dimension, 2.0))
    assert len(neurons.frequencies) == width
    assert (neurons.scale**2).sum() == pytest.approx(1, abs=1e-12)
    _, which = np.unique(neurons.frequencies, axis=0, return_inverse=True)
    assert np.bincount(which).tolist() == [4] * (width // 4)
    weight = neurons.scale**2
    for moment, expected in (
        (neurons.cosine, 0),
        (neurons.sine, 0),
        (neurons.cosine * neurons.sine, 0),
        (neurons.cosine**2, std**2),
        (neurons.sine**2, std**2),
    ):
        totals = np.bincount(which, weight * moment)
        np.testing.assert_allclose(totals, expected * np.bincount(which, weight), rtol=1e-12, atol=1e-18)
    points = np.random.default_rng(0).uniform(-1, 1, (30, dimension))
    assert np.abs(neurons.evaluate(points)).max() < 1e-9


def test_random_neurons():
    """Mirrored pairs cancel; without them the network starts from a random function of variance sigma^2."""
    law = Normal(scale=3.0).in_dimension(1)
    points = np.linspace(-1, 1, 40)[:, None]
    settings = {"width": 4000, "amplitude_std": 1.5, "sampling": "random", "law": law}
    mirrored = initialize_neurons(FourierFeaturesSettings(**settings), seed=1, reach=np.array([2.0]))
    assert np.abs(mirrored.evaluate(points)).max() < 1e-9
    np.testing.assert_array_equal(mirrored.frequencies[:2000], mirrored.frequencies[2000:])
    np.testing.assert_array_equal(mirrored.cosine[:2000], -mirrored.cosine[2000:])
    values = []
    for seed in range(40):
        neurons = initialize_neurons(FourierFeaturesSettings(**settings, mirrored=False), seed, np.array([2.0]))
        assert neurons.scale == pytest.approx(4000**-0.5)
        values.append(neurons.evaluate(points[:1])[0])
    assert np.std(values) == pytest.approx(1.5, rel=0.35)
    assert (
        initialize_neurons(FourierFeaturesSettings(**settings), 1, np.array([2.0])).frequencies[0]
        == mirrored.frequencies[0]
    )
    assert (
        initialize_neurons(FourierFeaturesSettings(**settings), 2, np.array([2.0])).frequencies[0]
        != mirrored.frequencies[0]
    )
