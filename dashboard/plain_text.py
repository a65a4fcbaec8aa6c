"""Text from boards, models and users, made safe to stand inside Streamlit's Markdown.

Markdown may hold a picture, and a browser fetches it: an escaped text can neither format, link nor load anything.
"""

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=@/])")


def as_plain(text: object) -> str:
    """The text as Markdown that shows exactly it, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))
