"""Opens a page of the dashboard without a browser, in an empty working folder."""

import gc
import html
import io
import re
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

APP = Path(__file__).resolve().parents[2] / "app.py"


@pytest.fixture(scope="session", autouse=True)
def _quick_reruns():
    """As the dashboard does once Keras is there: else every run of a page collects garbage for a third of a second."""
    import kerasface.tasks.segmentation  # noqa: F401

    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def open_page(tmp_path, monkeypatch):
    """Function that opens `pages/NAME.py`, by an address with keywords; its working folder is `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("kerasface.runs.store.SHIPPED_ROOT", tmp_path / "nothing")

    def open_named(name, **query):
        # Seconds; the first page to be opened imports TensorFlow and builds the models.
        page = AppTest.from_file(APP, default_timeout=120).switch_page(f"pages/{name}.py")
        for key, value in query.items():
            page.query_params[key] = value
        return page.run()

    return open_named


@pytest.fixture
def no_cached_models():
    """Lets a test replace what the pages cache between runs; leaves none of its replacements behind."""
    st.cache_resource.clear()
    st.cache_data.clear()
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def tables():
    """Function that reads the tables of `pages/parts/tables.py` on a page: for each its rows, column to text."""

    def read(page):
        bodies = [part.proto.body for part in page.get("html") if 'class="kf-table"' in part.proto.body]
        rows = [re.findall(r"<tr>(<td.*?)</tr>", body, re.DOTALL) for body in bodies]
        cell = re.compile(r'<td data-column="([^"]*)"[^>]*>(.*?)</td>', re.DOTALL)
        return [
            [{html.unescape(name): html.unescape(text) for name, text in cell.findall(row)} for row in table]
            for table in rows
        ]

    return read


def png(image):
    """The bytes of an RGB image as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def portrait_png(portrait):
    return png(portrait)


@pytest.fixture(scope="session")
def faceless_png():
    """A smooth gradient: nothing in it looks like a face."""
    ramp = np.linspace(0, 255, 160).astype(np.uint8)
    return png(np.stack([np.tile(ramp, (120, 1))] * 3, axis=-1))
