"""Figures: what they show, and where a click lands."""

import sys

import numpy as np
import pytest
from planted_tables import planted_table

from napari_cathode.errors import InputError
from napari_cathode.explain import ExplainParameters, explain, plots
from napari_cathode.explain.plots import Shade, scatter
from napari_cathode.explain.theme import DARK, LIGHT

QUICK = ExplainParameters(n_trees=5, boosting_rounds=10, repeats=1, blocked_repeats=1)


@pytest.fixture(scope="module")
def explanation():
    table = planted_table(70)
    table.loc[::7, "edensity"] = np.nan
    return explain(table, QUICK)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_every_figure_takes_the_theme_and_an_own_figure(explanation, theme):
    from matplotlib.colors import to_hex
    from matplotlib.figure import Figure

    figure = Figure()
    for draw in (
        plots.importance_bars,
        plots.beeswarm,
        plots.predicted_measured,
        lambda e, t, f: plots.dependence(e, "edensity", t, f, colour_by="z_um"),
    ):
        drawn = draw(explanation, theme, figure)
        assert drawn.figure is figure
        assert to_hex(figure.get_facecolor()) == theme["background"]
        figure.canvas.draw() if hasattr(figure.canvas, "draw") else None
        assert drawn.axes in figure.axes


def test_bars_show_the_shares(explanation):
    bars = plots.importance_bars(explanation, top=5)
    widths = [patch.get_width() for patch in bars.axes.patches]
    np.testing.assert_allclose(widths, 100 * explanation.importance["share"].head(5))
    assert bars.features == tuple(explanation.importance["feature"].head(5))
    assert bars.feature_at(1.2) == bars.features[1]
    assert bars.feature_at(-0.7) is None and bars.feature_at(5.6) is None


def test_beeswarm_holds_every_particle_of_every_feature(explanation):
    swarm = plots.beeswarm(explanation, top=4)
    n = len(explanation.labels)
    assert len(swarm.x) == len(swarm.y) == len(swarm.label) == len(swarm.feature) == 4 * n
    for row, feature in enumerate(explanation.importance["feature"].head(4)):
        mine = swarm.feature == feature
        np.testing.assert_array_equal(swarm.label[mine], explanation.labels)
        np.testing.assert_array_equal(swarm.x[mine], explanation.shap[feature])
        assert np.abs(swarm.y[mine] - row).max() < 0.5
    np.testing.assert_array_equal(swarm.y, plots.beeswarm(explanation, top=4).y)


@pytest.mark.parametrize("draw", [plots.beeswarm, plots.predicted_measured])
def test_a_click_finds_its_particle(explanation, draw):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    points = draw(explanation)
    FigureCanvasAgg(points.figure).draw()
    at = int(np.argmax(points.x))
    x, y = points.axes.transData.transform((points.x[at], points.y[at]))
    found = points.nearest(x + 1, y - 1)
    assert found is not None and points.label[found] == points.label[at]
    assert points.nearest(-500, -500) is None


def test_particles_without_a_value_stand_aside(explanation):
    points = plots.dependence(explanation, "edensity")
    value = explanation.values["edensity"].to_numpy()
    missing = np.isnan(value)
    assert missing.any()
    np.testing.assert_array_equal(points.x[~missing], value[~missing])
    assert (points.x[missing] < np.nanmin(value)).all()
    assert np.isfinite(points.x).all()


def test_selected_particles_are_ringed(explanation):
    chosen = explanation.labels[:3].tolist()
    plain = plots.predicted_measured(explanation)
    ringed = plots.predicted_measured(explanation, selected=chosen)
    assert len(ringed.axes.collections) == len(plain.axes.collections) + 1
    np.testing.assert_allclose(ringed.axes.collections[-1].get_offsets()[:, 0], explanation.measured[:3])


def test_dependence_of_what_took_no_part(explanation):
    with pytest.raises(InputError, match="crack_volume_um3 took no part"):
        plots.dependence(explanation, "crack_volume_um3")


def test_no_global_figure_state():
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


@pytest.mark.parametrize("shaded", [False, True])
def test_moved_points_are_drawn_as_anew(shaded):
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rng = np.random.default_rng(0)
    x, y, values = rng.random((3, 50))
    values[7] = np.nan
    label, columns = np.arange(1, 51), ("damage", "elongation")

    def draw(rows, figure=None, former=None):
        shade = Shade(values[rows], colormaps["viridis"], (0.0, 1.0), "size") if shaded else None
        return scatter(label[rows], x[rows], y[rows], columns, LIGHT, figure, shade, former=former)

    def picture(drawn):
        canvas = FigureCanvasAgg(drawn.figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())

    every, some = np.arange(50), np.flatnonzero(x < 0.5)
    first = draw(every)
    picture(first)
    moved = draw(some, first.figure, first)
    assert moved.axes is first.axes and moved.laid_out and list(moved.label) == list(label[some])
    anew = draw(some)
    picture(anew)
    for figure in (first.figure, anew.figure):
        figure.set_layout_engine("none")
    for one, other in zip(anew.figure.axes, first.figure.axes, strict=True):  # which differ by pixels
        assert np.allclose(one.get_position(), other.get_position(), atol=0.01)
        one.set_position(other.get_position())
    assert np.array_equal(picture(moved), picture(anew))
    assert draw(every, Figure(), moved).axes is not moved.axes, "another figure is drawn anew"
    other = scatter(label, x, 1000 * y, ("damage", "volume_um3"), LIGHT, moved.figure, former=moved)
    assert other.axes is not moved.axes, "and so are other columns"


def test_longer_numbers_are_laid_out_anew():
    x = np.linspace(0, 1, 9)
    first = scatter(np.arange(1, 10), x, x, ("damage", "elongation"))
    second = scatter(np.arange(1, 10), x, 12345 * x, ("damage", "elongation"), figure=first.figure, former=first)
    assert second.axes is first.axes and not second.laid_out
    third = scatter(np.arange(1, 10), x, x, ("damage", "elongation"), figure=first.figure, former=second)
    assert third.laid_out


def test_axes_reach_over_what_a_filter_leaves_out_unless_few_are_left():
    x = np.linspace(0, 1, 11)
    label, columns, reach = np.arange(11), ("damage", "elongation"), ((0.0, 1.0), (0.0, 1.0))
    first = scatter(label, x, x, columns, reach=reach)
    most = scatter(label[3:], x[3:], x[3:], columns, figure=first.figure, former=first, reach=reach)
    assert most.only_points and most.axes.get_xlim() == pytest.approx((-0.05, 1.05))
    few = scatter(label[8:], x[8:], x[8:], columns, figure=first.figure, former=most, reach=reach)
    assert not few.only_points and few.axes.get_xlim() == pytest.approx((0.79, 1.01))
    high = scatter(label, 10**x, x, columns, log=(True, False), reach=((1.0, 1e3), (0.0, 1.0)))
    assert high.axes.get_xlim()[1] < 20, "a third of a logarithmic axis"


def test_stamped_points_have_the_places_sizes_and_colours_of_a_scatter_plot(monkeypatch):
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from napari_cathode.explain.plots import stamped as stamping

    monkeypatch.setattr(stamping, "_LEAST_CONTRAST", 0.0)  # a scatter plot has a line around all points, or none
    x, y, values = np.random.default_rng(3).random((3, 300))
    values[:3] = -5, 9, 0.5  # beyond the limits
    pictures = []
    for stamped in (True, False):
        figure = Figure(figsize=(5, 4))
        axes = figure.add_subplot()
        if stamped:
            stamping.add_shaded_points(axes, x, y, values, colormaps["viridis"], (0.1, 0.9), 18.0, LIGHT)
        else:
            axes.scatter(x, y, c=values, cmap="viridis", vmin=0.1, vmax=0.9, s=18.0, linewidths=0)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pictures.append(np.asarray(canvas.buffer_rgba())[..., :3].astype(int))
        places = axes.transData.transform(np.column_stack([x, y]))
    ink = [float((255 - picture.min(axis=2)).sum()) for picture in pictures]
    assert ink[0] == pytest.approx(ink[1], rel=0.02)
    difference = np.abs(pictures[0] - pictures[1]).max(axis=2)
    apart = [one for one in range(300) if np.sort(np.hypot(*(places - places[one]).T))[1] > 6]
    columns, rows = places[apart].astype(int).T
    assert len(apart) > 50 and difference[-1 - rows, columns].max() <= 6


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_points_in_the_colour_of_the_background_are_seen(theme):
    """The lowest viridis is as dark as the dark theme, the highest as light as the light one."""
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from napari_cathode.explain.plots.stamped import contrast

    x = np.linspace(0, 1, 12)
    for value in (0.0, 1.0):
        shade = Shade(np.full(12, value), colormaps["viridis"], (0.0, 1.0), "size")
        drawn = scatter(np.arange(1, 13), x, x, ("damage", "elongation"), theme, shade=shade)
        figure = drawn.figure
        FigureCanvasAgg(figure).draw()
        left, bottom, right, top = drawn.axes.get_window_extent().extents.astype(int)
        picture = np.asarray(figure.canvas.buffer_rgba())[::-1][bottom + 3 : top - 3, left + 3 : right - 3, :3] / 255
        colours = np.unique(picture.reshape(-1, 3), axis=0)
        assert max(contrast(colour, theme["background"]) for colour in colours) > 3
