"""The one error that a command of this package reports in one line."""


class DemoError(Exception):
    """Bad input or a damaged directory; the message names the file, the place and the remedy."""
