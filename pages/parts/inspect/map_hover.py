"""Shows the picture of the point under the pointer, and tells which was clicked: Plotly alone does neither."""

from collections.abc import Callable

import streamlit as st

HOVER_HTML = "<span></span>"
# The chart is another element of the page; it may be drawn later than this one, and anew.
HOVER_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  parentElement.kerasfaceHover?.();
  const picture = document.createElement("img");
  picture.alt = "";
  picture.className = "kerasface-hover";
  picture.style.cssText =
    "position: fixed; display: none; width: 96px; height: 96px; z-index: 1000; pointer-events: none;" +
    "border: 2px solid #fff; border-radius: 8px; box-shadow: 0 1px 8px rgba(0, 0, 0, .45); background: #fff";
  document.body.append(picture);
  let bound = null;
  const hide = () => { picture.style.display = "none"; };
  const show = ({ points, event }) => {
    const source = data.pictures[points[0].customdata[0]];
    if (!source || !event) return hide();
    picture.src = source;
    picture.style.display = "block";
    const room = document.documentElement.clientWidth - event.clientX;
    picture.style.left = `${room > 130 ? event.clientX + 16 : event.clientX - 116}px`;
    picture.style.top = `${Math.max(4, event.clientY - 120)}px`;
  };
  // While the lasso is in hand, the chart itself takes no clicks.
  const click = ({ points }) => setTriggerValue("point", points[0].customdata[0]);
  const release = () => {
    bound?.removeListener?.("plotly_hover", show);
    bound?.removeListener?.("plotly_unhover", hide);
    bound?.removeListener?.("plotly_click", click);
    bound = null;
  };
  const bind = ({ target }) => {
    if (bound && !bound.contains(target)) hide();
    const chart = document.querySelector(`.st-key-${data.chart} .js-plotly-plot`);
    if (chart === bound || !chart?.on) return;
    release();
    chart.on("plotly_hover", show);
    chart.on("plotly_unhover", hide);
    chart.on("plotly_click", click);
    bound = chart;
  };
  document.addEventListener("pointermove", bind, { passive: true });
  document.addEventListener("scroll", hide, { capture: true, passive: true });
  parentElement.kerasfaceHover = () => {
    document.removeEventListener("pointermove", bind);
    document.removeEventListener("scroll", hide, { capture: true });
    release();
    picture.remove();
  };
  return parentElement.kerasfaceHover;
}
"""


def follow_pointer(pictures: dict[int, str], chart: str, on_click: Callable[[int], None]):
    """Binds pictures and a callback to the points of a map.

    Args:
        pictures: `data:` addresses by the index that a point carries as the first of its `customdata`.
        chart: Key of the container around the chart.
        on_click: Called with the index of a point that was clicked.
    """

    def clicked():
        point = st.session_state["hover"].point
        if isinstance(point, int):
            on_click(point)

    # Declared in every run: the component belongs to the runtime, and this module may have been imported before it.
    hover = st.components.v2.component("kerasface_hover", html=HOVER_HTML, js=HOVER_JS)
    data = {"pictures": {str(index): address for index, address in pictures.items()}, "chart": chart}
    hover(data=data, key="hover", on_point_change=clicked)
