from streamlit.testing.v1 import AppTest

HOSTILE = '<img src=x onerror="alert(1)">'


def script(rows):
    from pages.parts.tables import show_table

    show_table(rows, "Things & <b>others</b>")


def test_a_table_shows_every_cell_as_text(tables):
    rows = [{"file": HOSTILE, "pixels": 12}, {"file": "b & c", "pixels": None}]
    page = AppTest.from_function(script, args=(rows,)).run()
    assert not page.exception
    assert tables(page) == [[{"file": HOSTILE, "pixels": "12"}, {"file": "b & c", "pixels": "\N{EN DASH}"}]]
    (body,) = [part.proto.body for part in page.get("html")]
    assert "<img" not in body
    assert "<b>" not in body
    assert 'aria-label="Things &amp; &lt;b&gt;others' in body
    assert "None" not in body


def test_a_long_table_says_that_it_is_cut(tables):
    page = AppTest.from_function(script, args=([{"n": str(number)} for number in range(201)],)).run()
    assert len(tables(page)[0]) == 200
    assert "first 200 of 201" in page.caption[0].value


def test_no_rows_are_no_table(tables):
    assert tables(AppTest.from_function(script, args=([],)).run()) == []
