"""What the page Segment draws: the legend of classes, a photo under its mask in three views, and files to keep."""

import base64
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import streamlit as st
from PIL import Image

from kerasface.faces.drawing import draw_faces, draw_mask, mask_png
from kerasface.plotting.segmentation import area_bars, data_url, mask_figure
from kerasface.plotting.style import percent
from kerasface.tasks.segmentation import Segmentation, SegmentedFace
from pages.parts.charts import show_chart
from pages.parts.photos import Photo, plain

SWATCH = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16">'
    '<rect x="1" y="1" width="14" height="14" rx="4" fill="rgb{}" stroke="#808c8a"/></svg>'
)
LONGEST_SIDE = 1000  # pixels of a picture that is shown
CROP_WIDTH = 120  # at which a face is shown beside its numbers

SWIPE_HTML = """
<div class="swipe">
  <img class="before" draggable="false"><img class="after" draggable="false">
  <input type="range" min="0" max="100" step="any" value="50">
  <span class="line"><span class="grip">&#8596;</span></span>
  <span class="tag left">Photo</span><span class="tag right">Classes</span>
</div>
"""
SWIPE_CSS = """
.swipe { --at: 50%; position: relative; margin: auto; overflow: hidden; border-radius: var(--st-base-radius); }
.swipe img { display: block; width: 100%; height: auto; user-select: none; }
.swipe .after { position: absolute; inset: 0; height: 100%; clip-path: inset(0 0 0 var(--at)); }
.swipe input {
  position: absolute; inset: 0; width: 100%; height: 100%; margin: 0;
  opacity: 0; cursor: ew-resize; touch-action: pan-y; appearance: none;
}
.swipe input::-webkit-slider-thumb { appearance: none; width: 1px; height: 100%; }
.swipe input::-moz-range-thumb { width: 1px; height: 100%; border: 0; }
.swipe span { position: absolute; pointer-events: none; }
.swipe .line { inset: 0 auto 0 var(--at); width: 3px; margin-left: -1.5px; background: var(--st-background-color); }
.swipe .grip {
  top: 50%; left: 50%; width: 2.2rem; height: 2.2rem; translate: -50% -50%; border-radius: 50%;
  display: grid; place-items: center; font: 600 1.1rem var(--st-font);
  color: var(--st-text-color); background: var(--st-background-color); border: 2px solid var(--st-primary-color);
}
.swipe input:focus-visible ~ .line .grip { box-shadow: 0 0 0 3px var(--st-primary-color); }
.swipe .tag {
  bottom: 0.6rem; padding: 0.1rem 0.6rem; border-radius: 1rem; font: 0.8rem var(--st-font);
  color: var(--st-text-color); background: var(--st-background-color);
}
.swipe .left { left: 0.6rem; }
.swipe .right { right: 0.6rem; }
"""
SWIPE_JS = """
export default function ({ data, parentElement }) {
  const swipe = parentElement.querySelector(".swipe");
  const [before, after] = swipe.querySelectorAll("img");
  const [range, left, right] = swipe.querySelectorAll("input, .tag");
  before.src = data.before;
  before.alt = data.alt;
  after.src = data.after;
  after.alt = "";
  swipe.style.maxWidth = `calc(80vh * ${data.width / data.height})`;
  range.setAttribute("aria-label", "How much of the photo is shown without its classes");
  range.oninput = () => {
    swipe.style.setProperty("--at", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${Math.round(range.value)} %`);
    left.style.visibility = range.value < 15 ? "hidden" : "visible";
    right.style.visibility = range.value > 85 ? "hidden" : "visible";
  };
  range.oninput();
}
"""


@dataclass(frozen=True, eq=False)
class Shown:
    """A photo and its masks at the size at which they are shown.

    Attributes:
        image: RGB uint8, `(height, width, 3)`.
        mask: Class ids, `(height, width)` uint8.
    """

    image: np.ndarray
    mask: np.ndarray


def resized(image: np.ndarray, mask: np.ndarray, longest_side: int = LONGEST_SIDE) -> Shown:
    """Brings a photo and its mask to the size at which they are shown, so that sliders redraw a large one quickly."""
    scale = longest_side / max(mask.shape)
    size = (max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale)))
    pixels = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    return Shown(pixels, cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT))


def numbered(picture: np.ndarray, found: Segmentation) -> np.ndarray:
    """Draws the faces' boxes and numbers where there are several; a single face needs none."""
    if len(found.faces) < 2:
        return picture
    scale = picture.shape[1] / found.mask.shape[1]
    nowhere = np.empty((0, 2), dtype=np.float32)  # landmarks would hide what the mask says of eyes and mouth
    boxes = [tuple(scale * value for value in entry.face.box) for entry in found.faces]
    faces = [replace(entry.face, box=box, landmarks=nowhere) for entry, box in zip(found.faces, boxes, strict=True)]
    return draw_faces(picture, faces, longest_side=max(picture.shape))


def choose_classes(found: Segmentation, key: str) -> list[int]:
    """The legend, which is also where the user picks the classes that are drawn; returns their ids."""

    def label(class_id: int) -> str:
        swatch = base64.b64encode(SWATCH.format(found.colors[class_id]).encode()).decode()
        return f"![](data:image/svg+xml;base64,{swatch}) {plain(found.classes[class_id])}"

    ids = range(len(found.classes))
    st.html("<style>.st-key-legend img { max-width: none; }</style>")  # else a pill has no room for both
    with st.container(key="legend"):
        return st.pills("Classes", ids, selection_mode="multi", default=ids[1:], format_func=label, key=key)


def show_overlay(overlay: np.ndarray, mask: np.ndarray, found: Segmentation):
    """A photo that was drawn under its mask; the class under the pointer is named."""
    figure = mask_figure(overlay, mask, found.classes, found.colors, opacity=0)
    # Not the pixel's place: it would be counted in the size that is shown.
    figure.update_traces(hovertemplate="<b>%{text}</b><extra></extra>").update_layout(dragmode=False, height=None)
    height, width = mask.shape
    # A chart's own height would be the same on a phone as on a wide screen.
    st.html(f"<style>.st-key-overlay {{ aspect-ratio: {width} / {height}; max-height: 80vh; }}</style>")
    with st.container(key="overlay"):
        alt = f"The photo with {', '.join(found.classes)} in their colours"
        st.plotly_chart(figure, height="stretch", config={"displayModeBar": False}, key="overlay_chart", alt=alt)


def show_swipe(before: np.ndarray, after: np.ndarray, alt: str):
    """Photo and overlay on each other, with a boundary to drag; arrow keys move it too."""
    # Declared in every run: the component belongs to the runtime, and this module may have been imported before it.
    swipe = st.components.v2.component("kerasface_swipe", html=SWIPE_HTML, css=SWIPE_CSS, js=SWIPE_JS)
    height, width = before.shape[:2]
    data = {"before": data_url(before), "after": data_url(after), "alt": alt, "width": width, "height": height}
    swipe(data=data, key="swipe")


def show_face(
    image: np.ndarray,
    face: SegmentedFace,
    number: int,
    colors: Sequence[tuple[int, int, int]],
    opacity: float,
    drawn: Collection[int],
):
    """One face of a photo under its own mask, and how much of it each class takes."""
    x, y, width, height = face.region
    crop = resized(image[y : y + height, x : x + width], face.mask, 2 * CROP_WIDTH)  # crisp on a dense screen
    size = ":small[{:.0f} x {:.0f} pixels]".format(*face.face.box[2:])
    lines = [f"**Face {number}**", size, f":small[detection score {face.face.detection_score:.3f}]"]
    with st.container(horizontal=True, vertical_alignment="center"):
        overlay = draw_mask(crop.image, crop.mask, colors, opacity=opacity, shown=drawn)
        st.image(overlay, width=CROP_WIDTH, alt=f"Face {number} under its mask")
        st.markdown("  \n".join(lines), width="content")
    show_areas(face.areas(), face.classes, colors, key=f"areas_{number}")


def show_areas(areas: dict[str, float], classes: Sequence[str], colors: Sequence[tuple[int, int, int]], key: str):
    alt = ", ".join(f"{name} {percent(share)}" for name, share in areas.items())
    show_chart(area_bars(areas, dict(zip(classes, colors, strict=True))), key=key, alt=alt)


def show_downloads(photo: Photo, found: Segmentation, opacity: float, drawn: list[int]):
    """Mask and overlay at the photo's full resolution; a file is made when it is asked for."""
    files = {
        "mask": lambda: mask_png(found.mask, found.colors),
        "overlay": lambda: overlay_png(photo.image, found, opacity, drawn),
    }
    with st.container(horizontal=True):
        for name, content in files.items():
            file_name = f"{Path(photo.name).stem}.{name}.png"
            label, icon = f"Download {name}", ":material/download:"
            st.download_button(
                label, content, file_name, "image/png", icon=icon, on_click="ignore", key=f"download_{name}"
            )


def overlay_png(image: np.ndarray, found: Segmentation, opacity: float, drawn: Collection[int]) -> bytes:
    """A photo under its mask as a PNG file, at the photo's full resolution."""
    buffer = io.BytesIO()
    overlay = draw_mask(image, found.mask, found.colors, opacity=opacity, shown=drawn)
    Image.fromarray(overlay).save(buffer, "PNG")
    return buffer.getvalue()
