"""A photo whose faces are framed and named, at any width; names are put in as text, never as markup."""

import base64
from collections.abc import Sequence

import streamlit as st

from kerasface.faces.detection import Face

HTML = '<div class="photo"><img draggable="false"></div>'
CSS = """
.photo { position: relative; margin: 1.9rem auto 0; }
.photo img { display: block; width: 100%; height: auto; border-radius: var(--st-base-radius); }
.photo .face { position: absolute; border: 3px solid; border-radius: 6px; box-shadow: 0 0 0 1px #0c1816; }
.photo .known { border-color: #40e0be; }
.photo .other { border-color: #fab05c; border-style: dashed; }
.photo .tag {
  position: absolute; left: -3px; bottom: calc(100% + 3px); max-width: max(100% + 6px, 7.5rem); padding: 0 0.45rem;
  overflow: hidden; white-space: nowrap; text-overflow: ellipsis; border-radius: 4px;
  font: 600 0.85rem/1.5 var(--st-font); color: #0c1816;
}
.photo .right .tag { left: auto; right: -3px; }
.photo .known .tag { background: #40e0be; }
.photo .other .tag { background: #fab05c; }
"""
JS = """
export default function ({ data, parentElement }) {
  const photo = parentElement.querySelector(".photo");
  const picture = photo.querySelector("img");
  photo.style.maxWidth = `calc(${data.most}vh * ${data.width / data.height})`;
  picture.src = data.picture;
  picture.alt = data.alt;
  photo.querySelectorAll(".face").forEach((face) => face.remove());
  // The largest comes first and must not hide the others.
  for (const { box, name, known } of data.faces) {
    const face = document.createElement("div");
    const tag = document.createElement("span");
    const right = (box[0] + box[2] / 2) / data.width > 0.6;
    face.className = `face ${known ? "known" : "other"} ${right ? "right" : ""}`;
    face.style.left = `${(100 * box[0]) / data.width}%`;
    face.style.top = `${(100 * box[1]) / data.height}%`;
    face.style.width = `${(100 * box[2]) / data.width}%`;
    face.style.height = `${(100 * box[3]) / data.height}%`;
    tag.className = "tag";
    tag.textContent = name;
    tag.title = name;
    face.append(tag);
    photo.append(face);
  }
}
"""


def show_boxes(
    picture: bytes,
    size: tuple[int, int],
    faces: Sequence[Face],
    names: Sequence[str | None] | None = None,
    *,
    name: str,
    key: str,
    height: int = 75,
):
    """Shows a photo with a frame around each face, numbered and named.

    Args:
        picture: The photo as JPEG, of any size.
        size: Width and height in whose pixels the boxes are.
        faces: Its faces.
        names: Who each of them is, None for nobody known; not given where that is no question.
        name: Of the photo, for those who cannot see it.
        key: Of the component.
        height: The most that the picture may take, in percent of the window's height.
    """
    # Declared in every run: the component belongs to the runtime, and this module may have been imported before it.
    boxes = st.components.v2.component("kerasface_boxes", html=HTML, css=CSS, js=JS)
    known = names or [None] * len(faces)
    tags = [f"{number} {who or '?'}" if names else str(number) for number, who in enumerate(known, start=1)]
    told = "; ".join(f"face {number}: {who or 'nobody known'}" for number, who in enumerate(known, start=1))
    data = {
        "picture": f"data:image/jpeg;base64,{base64.b64encode(picture).decode('ascii')}",
        "alt": f"{name}; {told}" if names else f"{name} with {len(faces)} numbered faces",
        "most": height,
        "width": size[0],
        "height": size[1],
        "faces": [
            {"box": [float(value) for value in face.box], "name": tag, "known": who is not None}
            for face, tag, who in zip(faces, tags, known, strict=True)
        ],
    }
    boxes(data=data, key=key)
