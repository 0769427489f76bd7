"""Grids of numbers as tables: what stands in a cell, its color, its frame, and what the pointer reads."""

import html
import re

import numpy as np
from streamlit.testing.v1 import AppTest

from pages.parts.playground.grids import FAINTEST, NEGATIVE, POSITIVE, STRONGEST, grid_picture


def script():
    import numpy as np

    from pages.parts.playground.grids import show_grid

    values = np.array([[0, -2.5, 1], [1 / 3, 4, 100]])
    told = [[f"<{row}> & {col}" for col in range(3)] for row in range(2)]
    show_grid("**Title**", values, "Six numbers", framed=(1, 0, 1, 2), hover=told)
    show_grid("**Nothing**", np.zeros((2, 2)), "Zeros")


def cells(page, number):
    """Attributes and text of each cell of a grid."""
    return re.findall(r"<td([^>]*)>(.*?)</td>", page.get("html")[number].proto.body)


def test_a_grid_writes_its_numbers_and_frames_cells():
    page = AppTest.from_function(script).run()
    found = cells(page, 0)
    assert [text for _, text in found] == ["0", "\N{MINUS SIGN}2.5", "1", "0.333", "4", "100"]
    assert ["box-shadow" in attributes for attributes, _ in found] == [False] * 3 + [True, True, False]
    assert "inset 3px 0" in found[3][0]
    assert "inset -3px 0" not in found[3][0]
    opacities = [float(re.search(r"rgba\(.*, ([0-9.]+)\)", attributes)[1]) for attributes, _ in found]
    np.testing.assert_allclose(opacities, STRONGEST * np.abs([0, 2.5, 1, 1 / 3, 4, 100]) / 100, atol=5e-4)
    assert ["217, 119, 87" in attributes for attributes, _ in found] == [False, True] + [False] * 4
    assert html.unescape(re.search('data-told="(.*?)"', found[4][0])[1]) == "row 2, column 2: <1> & 1"
    assert [text for _, text in cells(page, 1)] == ["0"] * 4


def test_the_colors_of_a_grid_alone():
    picture = grid_picture(np.array([[-1.0, 0.0], [0.5, 1.0]]))
    assert picture[0, 0, :3].tolist() == list(NEGATIVE)
    assert picture[1, 1, :3].tolist() == list(POSITIVE)
    assert picture[..., 3].tolist() == [[178, FAINTEST], [89, 178]]  # 255 times the opacity, rounded to even
    assert (grid_picture(np.zeros((2, 2)))[..., 3] == FAINTEST).all()


def sets():
    import numpy as np

    from pages.parts.playground.grids import show_sets

    values = np.arange(16.0).reshape(2, 2, 2, 2)  # images, rows, columns, channels
    show_sets(values, np.broadcast_to(np.arange(2), values.shape), chosen=1, alt="Two channels of two images")


def test_maps_stand_image_below_image_and_the_chosen_set_is_framed():
    (part,) = AppTest.from_function(sets).run().get("html")
    maps = re.findall(r'aria-label="set (\d)" style="(.*?)">(.*?)</table>', part.proto.body)
    assert [int(number) for number, _, _ in maps] == [1, 2, 1, 2]
    assert ["3px solid" in style for _, style, _ in maps] == [False, True, False, True]
    written = [re.findall(r"<td>(.*?)</td>", body) for _, _, body in maps]
    assert written == [["0", "2", "4", "6"], ["1", "3", "5", "7"], ["8", "10", "12", "14"], ["9", "11", "13", "15"]]
