"""The still picture that stands in a saved notebook where no kernel makes an explorer live."""

from base64 import b64encode
from html import escape
from io import BytesIO

from PIL import Image

from cnnwidgets.views.layout import NO_MATHS

QUALITY = 85
"""Of the JPEG: the notebook's file holds one still of some 60 kB for each explorer."""

# The still waits for the live explorer, which hides it for good: else it would flash at each run.
# Where Lab has no widget behind an output it says "model not found", without an element: put away,
# since the still beneath says more. A notebook that is not trusted drops this, and shows neither.
_STYLE = (
    "@keyframes cw-still { from { opacity: 0; max-height: 0; overflow: hidden } }"
    " [data-cw-still] { margin: 0; animation: cw-still 0.1s 3s backwards }"
    " .jp-OutputArea-child:has(~ .jp-OutputArea-child [data-cw-still])"
    " > .jupyter-widgets:not(:has(*)) { display: none }"
)


def still_html(key: str, png: bytes, alt: str, caption: str) -> str:
    """Give a picture with its caption as HTML that needs nothing else, neither fonts nor scripts.

    Parameters
    ----------
    key
        Of the explorer. The page's status line hides the still of an explorer that is live.
    png
        The picture as a PNG file; b"" for words alone.
    alt
        The alternative text; it also stands there where there is no picture.
    caption
        The line beneath.
    """
    shown = f'<img src="{_data(png)}" alt="{escape(alt)}" style="max-width: 100%">'
    return (
        f'<figure data-cw-still="{escape(key)}" class="{NO_MATHS}">'
        f"<style>{_STYLE}</style>"
        f"{shown if png else f'<p>{escape(alt)}</p>'}"
        f"<figcaption><small>{escape(caption)}</small></figcaption></figure>"
    )


def _data(png: bytes) -> str:
    """Give a PNG file as the address of a JPEG, a fifth of its size."""
    packed = BytesIO()
    if png:
        Image.open(BytesIO(png)).convert("RGB").save(packed, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{b64encode(packed.getvalue()).decode('ascii')}"
