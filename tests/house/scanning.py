"""What no file of the project may hold: secrets, registries' addresses, this machine's paths, broken YAML, big files.

`python -m tests.house.scanning FILE …` prints a line per find and exits with 1 where there is one. It needs no network.
"""

import re
import sys
from pathlib import Path

import yaml

MAXIMUM_BYTES = 1_000_000

# Put together from pieces, so that this file doesn't hold what it looks for.
_PASSWORD = "a password in an address"
_PATTERNS = {
    "an AWS access key id": re.compile(r"\bA(?:KI|SI)A(?![A-Z0-9]*EXAMPLE\b)[A-Z2-7]{16}\b"),
    "an AWS secret key": re.compile(
        r"(?i)secret_?access_?key\W{1,5}(?![A-Za-z0-9/+]*EXAMPLEKEY)[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])"
    ),
    "a private key": re.compile("-----BEGIN " + r"[A-Z ]*PRIVATE KEY-----"),
    "a token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|xox[abp]-[\w-]{20,}|sk-[A-Za-z0-9_-]{32,})"),
    _PASSWORD: re.compile(r"\b[a-z][a-z0-9+]*://[^\s:/@'\"{}<>]+:[^\s:/@'\"{}<>$]+@[\w.-]+"),
    "a registry's address": re.compile(
        r"(?i)(?<!no-emit-)\b(?:extra-)?index" + r"[-_]url\b|https?://[^\s/]*(?:pypi|pythonhosted|devpi|artifactory)"
        r"[^\s/]*/\S*|https?://\S+/simple\b"
    ),
    "a path of one machine": re.compile(r"(?<![\w.:/$}*-])/(?:work|root|home/\w+|Users/\w+)/\w"),
}


def find_forbidden(text: str, *, is_test: bool = False) -> list[str]:
    """What is in `text` that may not be, as `line N: a private key`; the find itself is never repeated.

    A test may hold an address with an invented password, to see that it is never shown.
    """
    return [
        f"line {number}: {what}"
        for number, line in enumerate(text.splitlines(), start=1)
        for what, pattern in _PATTERNS.items()
        if pattern.search(line) and not (is_test and what == _PASSWORD)
    ]


def scan_file(path: Path) -> list[str]:
    """Everything wrong with one file; empty where nothing is."""
    size = path.stat().st_size
    if size > MAXIMUM_BYTES:
        return [f"{size} bytes, more than {MAXIMUM_BYTES}; keep data out of the repository"]
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return []  # a picture
    finds = find_forbidden(text, is_test=path.name.startswith("test_"))
    if path.suffix in {".yml", ".yaml"}:
        try:
            list(yaml.safe_load_all(text))
        except yaml.YAMLError as error:
            finds.append(f"not YAML: {' '.join(str(error).split())}")
    return finds


def main(paths: list[str]) -> int:
    """Scan the files named on the command line."""
    finds = [f"{path}, {find}" for path in paths if Path(path).is_file() for find in scan_file(Path(path))]
    print("\n".join(finds), end="\n" if finds else "")
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
