"""A small reader of SQL files: enough to tell comments, strings, numbers, words and operators apart."""

import re
from typing import NamedTuple

COMPARISONS = {"<", ">", "<=", ">=", "=", "<>", "!=", "between", "in"}
# Where the operand of a comparison ends, at the comparison's own depth of parentheses.
_BOUNDARIES = {"and", "or", "not", "case", "when", "then", "else", "end", "where", "on", "having", "filter", "as", ","}
_BOUNDARIES |= {"select", "from", "join", "group", "order", "union", "with", "is"} | COMPARISONS
_ALLOWED = {"0", "1"}


class Token(NamedTuple):
    """A piece of SQL. `kind` is jinja, text, number, word or sign; `value` is in lower case."""

    kind: str
    value: str
    line: int


_TOKEN = re.compile(
    r"(?P<comment>\{#.*?#\}|--[^\n]*|/\*.*?\*/)|(?P<jinja>\{\{.*?\}\}|\{%.*?%\})|(?P<text>'(?:[^']|'')*')"
    r"|(?P<number>(?<![\w.])\d+(?:\.\d+)?(?:e[-+]?\d+)?)|(?P<word>\"[^\"]*\"|[a-z_][\w$]*)"
    r"|(?P<sign><=|>=|<>|!=|::|->>?|\|\||[^\s\w])",
    re.DOTALL | re.IGNORECASE,
)


def read_tokens(sql: str) -> list[Token]:
    """The tokens of a model's file, comments left out."""
    return [
        Token(match.lastgroup or "", match.group().lower(), sql.count("\n", 0, match.start()) + 1)
        for match in _TOKEN.finditer(sql)
        if match.lastgroup != "comment"
    ]


def find_compared_numbers(sql: str) -> list[str]:
    """Numbers other than 0 and 1 that a threshold's comparison could hide behind, as `line N: number`.

    Found in the operands of a comparison, in the text of an interval or a quoted number there, in Jinja, and given a
    name of their own (`5 as limit_pct`), under which a comparison could use them.
    """
    tokens = read_tokens(sql)
    found: set[tuple[int, str]] = set()
    for index, token in enumerate(tokens):
        if token.kind == "jinja":
            found |= {(token.line, number) for number in re.findall(r"(?<![\w.'])\d+(?:\.\d+)?(?![\w.'])", token.value)}
        elif token.kind == "number" and _is_named(tokens, index):
            found.add((token.line, token.value))
        elif token.value in COMPARISONS and token.kind in {"sign", "word"}:
            for operand in (_walk(tokens, index, -1), _walk(tokens, index, 1)):
                found |= {(part.line, number) for part in operand for number in _read_numbers(part)}
    return [f"line {line}: {number}" for line, number in sorted(found) if number not in _ALLOWED]


def _is_named(tokens: list[Token], index: int) -> bool:
    """Whether the number at `index` is a column by itself: `select 5 as limit_pct`."""
    before = tokens[index - 1].value if index else ""
    after = [token.value for token in tokens[index + 1 : index + 4]]
    return before in {"select", "distinct", ",", "-"} and (
        after[:1] == ["as"] or (after[:1] + after[2:]) == ["::", "as"]
    )


def _walk(tokens: list[Token], index: int, step: int) -> list[Token]:
    """The operand beside the comparison at `index`."""
    opening, closing = ("(", ")") if step == 1 else (")", "(")
    is_range = step == 1 and tokens[index].value == "between"
    operand: list[Token] = []
    depth = 0
    position = index + step
    while 0 <= position < len(tokens):
        token = tokens[position]
        if token.value == opening:
            depth += 1
        elif token.value == closing:
            depth -= 1
            if depth < 0:
                break
        elif depth == 0 and is_range and token.value == "and":
            is_range = False
        elif depth == 0 and token.kind in {"word", "sign"} and token.value in _BOUNDARIES:
            break
        operand.append(token)
        position += step
    return operand


def _read_numbers(token: Token) -> list[str]:
    if token.kind == "number":
        return [token.value]
    if token.kind == "text":
        match = re.fullmatch(r"'\s*-?(\d+(?:\.\d+)?)\s*(?:[a-z]+)?\s*'", token.value)
        return [match.group(1)] if match else []
    return []


def read_case_results(sql: str, column: str) -> set[str]:
    """The texts that `case … end as <column>` can give.

    Raises:
        ValueError: the file has no such column, or a branch isn't a plain text.
    """
    tokens = read_tokens(sql)
    values = [token.value for token in tokens]
    ends = [index for index in range(2, len(values)) if values[index - 2 : index + 1] == ["end", "as", column]]
    if not ends:
        raise ValueError(f"no `case … end as {column}`")
    results: set[str] = set()
    for end in ends:
        depth = 0
        for index in range(end - 2, -1, -1):
            depth += {"end": 1, "case": -1}.get(values[index], 0)
            if depth == 1 and values[index] in {"then", "else"}:
                if tokens[index + 1].kind != "text":
                    raise ValueError(f"line {tokens[index].line}: a branch of {column} isn't a plain text")
                results.add(values[index + 1].strip("'"))
            if depth == 0:
                break
    return results
