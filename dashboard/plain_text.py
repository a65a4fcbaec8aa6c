"""Text from boards, models and users, made safe to stand inside Streamlit's Markdown.

Markdown may hold a picture, and a browser fetches it: an escaped text can neither format, lead elsewhere nor load
anything. Streamlit makes links of bare addresses in spite of escapes, so web addresses are broken by a character that
takes no room. Those of e-mail are not, as `user@host` is there to be copied.
"""

import re

# What begins a link by itself: https://github.github.com/gfm/#autolinks-extension-
_LINKED = re.compile(r"(?i)(?<=http:)(?=//)|(?<=https:)(?=//)|(?<=www)(?=\.)")
_WORD_JOINER = "\u2060"
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=@/])")


def as_plain(text: object) -> str:
    """The text as Markdown that shows exactly it, on one line; a web address in it is no link."""
    return _SPECIAL.sub(r"\\\1", _LINKED.sub(_WORD_JOINER, " ".join(str(text).split())))
