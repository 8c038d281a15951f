"""Text of others on its way to a terminal."""


def printable(text: str) -> str:
    """The text with an escape for every character that does not print, so that it cannot steer a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
