"""Which figures and identifiers a text holds, by rules alone: what is read here is what the verifier must bind.

A figure is a run of digits with what stands around it (`$`, `%`, `million`, `-day`). An identifier mixes letters and
digits (`i-0abc`, `m5.xlarge`). Dates and times of day are read first, for their digits aren't figures. What can't be
read as one number (`13,8`, `€5`, `½`) is foreign: nothing is bound to it.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Kind = Literal["money", "percent", "plain", "foreign", "date", "month", "time", "identifier"]

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
# "may" is also a verb: the month has its capital letter.
_MONTH_NAMES = "|".join(f"(?i:{name[:3]}(?:{name[3:]})?)" for name in MONTHS if name != "may")
_MONTH = rf"(?P<month>{_MONTH_NAMES}|(?i:sept)|May)\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_DATES = (
    re.compile(r"(?<![\w.-])(?P<year>\d{4})-(?P<number>\d{2})-(?P<day>\d{2})(?![\d-])"),
    re.compile(rf"(?<!\w){_DAY} {_MONTH}(?:,? (?P<year>\d{{4}}))?(?!\w)"),
    re.compile(rf"(?<!\w){_MONTH} {_DAY}(?:,? (?P<year>\d{{4}}))?(?![\w.,]*\d)"),
    re.compile(rf"(?<!\w){_MONTH},? (?P<year>\d{{4}})(?!\w)"),
    re.compile(r"(?<![\w.-])(?P<year>\d{4})-(?P<number>0[1-9]|1[0-2])(?![\w-])"),
)
_TIME = re.compile(r"(?<![\w:.])T?(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::[0-5]\d(?:\.\d+)?)?Z?(?![\w:])")
_TWELVE_HOURS = re.compile(
    r"(?<![\w:.])(?P<hour>1[0-2]|0?[1-9])(?::(?P<minute>[0-5]\d))?\s?(?P<half>[ap])\.?m\b\.?", re.IGNORECASE
)
_LIST_NUMBER = re.compile(r"^[ \t>]*(?:[-*#]+[ \t]+)?(?:\*\*|__)?\d{1,2}[.)](?=[ \t*_])", re.MULTILINE)
_TOKEN = re.compile(r"(?:(?<![\w.])\.(?=\d))?\w(?:[\w.:/@+#-]|,(?=\d{3}(?!\d)))*")
_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|(?<!\d)\.\d+")
_BROKEN_BEFORE, _BROKEN_AFTER = re.compile(r"\d,$"), re.compile(r",\d")  # 1,2345 or 13,8: which number is that?
_LED_BY_NUMBER = re.compile(rf"(?P<number>{_NUMBER.pattern})(?P<rest>-?[^\W\d][^\d]*)?")
_MONEY_WORD = r"(?:us ?dollars?|dollars?|usd|us\$|bucks?|\$)"
_MONEY_TOKEN = re.compile(rf"(?:usd|us)(?P<number>{_NUMBER.pattern})(?P<rest>[^\W\d]*)", re.IGNORECASE)
_MONEY_BEFORE = re.compile(r"(?:\$|\busd|\bus\$)\s*[-+]?\s*$", re.IGNORECASE)
_FOREIGN_BEFORE = re.compile(
    r"(?:[€£¥₹]|\b(?:eur|gbp|inr|jpy|chf|cad|aud)|(?<![a-z])[a-z]{1,2}(?<!us)\$)\s*$", re.IGNORECASE
)
_FOREIGN_AFTER = re.compile(
    r"\s?(?:[€£¥₹‰]|(?:euros?|pounds|eur|gbp|inr|jpy|chf|cad|aud|bps|basis points?)\b)", re.IGNORECASE
)
_SCALES = {
    "k": 3, "thousand": 3, "grand": 3, "m": 6, "mn": 6, "mm": 6, "mio": 6, "million": 6,
    "b": 9, "bn": 9, "billion": 9, "trillion": 12, "tn": 12, "hundred": 2,
}  # fmt: skip
_SCALE_AFTER = re.compile(
    r"[\s-]?(?P<word>(?i:k|thousand|grand|mn|mio|million|bn|billion|trillion|hundred)(?=s?\b)|[MB]\b)s?"
)
_ODD_SCALE_AFTER = re.compile(r"[\s-]?(?:dozen|lakh|crore|quadrillion)", re.IGNORECASE)  # bound to nothing
_PERCENT_AFTER = re.compile(r"[\s-]?(?:%|percent(?:age)?\b|per cent\b|pct\b|pp\b)", re.IGNORECASE)
_MONEY_AFTER = re.compile(rf"[\s-]?{_MONEY_WORD}(?!\w)", re.IGNORECASE)
_CENTS_AFTER = re.compile(r"\s?(?:¢|cents?\b)", re.IGNORECASE)
_MINUS_BEFORE = re.compile(r"(?:^|[\s(])(?:-(?:us)?\$\s?|(?:us)?\$\s?-|-)$", re.IGNORECASE)
_SPACED = re.compile("(?<=\\d)[\u00a0\u2009\u202f](?=\\d{3}(?!\\d))")


@dataclass(frozen=True)
class Figure:
    """One thing that must be bound. `amount` is as shown: `1.24` of `$1.24 million`, whose `exponent` is 6."""

    shown: str
    kind: Kind
    amount: Decimal = Decimal(0)
    exponent: int = 0
    is_negative: bool = False
    word: str = ""  # of dates, times and identifiers, in one spelling

    @property
    def digits(self) -> int:
        """How many digits stand after the point."""
        return max(0, -int(self.amount.as_tuple().exponent))


def normalize(text: str) -> str:
    """One spelling of digits, spaces, dashes and signs; invisible characters, which could hide digits, are dropped."""
    text = _SPACED.sub(",", text)
    text = unicodedata.normalize("NFKC", text)
    text = "".join(character for character in text if unicodedata.category(character) != "Cf")
    text = text.translate({0x2212: "-", 0x2010: "-", 0x2011: "-", 0x2012: " – ", 0x2013: " – ", 0x2014: " – "})
    return "".join(
        str(unicodedata.digit(each)) if each.isdigit() and not each.isascii() else each for each in text
    )  # fmt: skip


def read_figures(text: str) -> list[Figure]:
    """Every figure, date, time and identifier of `text`, but not the numbers that number a list."""
    # ½ and Ⅳ are numbers that no value is written as.
    figures = [Figure(each, "foreign") for each in text if unicodedata.category(each) in ("No", "Nl")]
    text = _LIST_NUMBER.sub(lambda found: " " * len(found[0]), normalize(text))
    for pattern in _DATES:
        text = pattern.sub(lambda found: _keep_date(found, figures), text)
    text = _TWELVE_HOURS.sub(lambda found: _keep_time(found, figures), text)
    text = _TIME.sub(lambda found: _keep_time(found, figures), text)
    for token in _TOKEN.finditer(text):
        figures += _read_token(text, token.start(), token[0].rstrip(".,:;/-+@#_"))
    return figures


def read_identifiers(text: str) -> set[str]:
    """Every word of `text` with a digit in it, whole and in its parts, in lower case."""
    words = set()
    for token in _TOKEN.finditer(normalize(text)):
        word = token[0].rstrip(".,:;/-+@#_").lower()
        words |= {part for part in (word, *re.split(r"[/:]", word)) if re.search(r"\d", part)}
    return words


def _keep_date(found: re.Match[str], figures: list[Figure]) -> str:
    parts = found.groupdict()
    month = int(parts["number"]) if parts.get("number") else _number_month(parts["month"])
    year, day = parts.get("year") or "", parts.get("day")
    spelling = f"{year}-{month:02d}" + (f"-{int(day):02d}" if day else "")
    figures.append(Figure(found[0], "date" if day else "month", word=spelling))
    return " " * len(found[0])


def _number_month(name: str) -> int:
    return next(number for number, month in enumerate(MONTHS, start=1) if month.startswith(name[:3].lower()))


def _keep_time(found: re.Match[str], figures: list[Figure]) -> str:
    parts = found.groupdict()
    hour, half = int(parts["hour"]), (parts.get("half") or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    figures.append(Figure(found[0], "time", word=f"{hour:02d}:{parts['minute'] or '00'}"))
    return " " * len(found[0])


def _read_token(text: str, start: int, token: str) -> Iterator[Figure]:
    if not re.search(r"\d", token):
        return
    if re.fullmatch(r"[\d.,/+:#@-]+", token) and not re.fullmatch(r"\d+(?:\.\d+){2,}", token):
        for number in _NUMBER.finditer(token):
            yield _make_figure(text, start + number.start(), number[0])
        return
    led = _LED_BY_NUMBER.fullmatch(token)
    money = _MONEY_TOKEN.fullmatch(token)
    if led or money:
        found = led or money
        assert found is not None
        yield _make_figure(text, start + found.start("number"), found["number"], found["rest"] or "", bool(money))
        return
    if "/" in token and not token.lower().startswith("arn:"):
        place = 0
        for part in token.split("/"):
            yield from _read_token(text, start + place, part)
            place += len(part) + 1
        return
    yield Figure(token, "identifier", word=token.lower())


def _make_figure(text: str, start: int, number: str, rest: str = "", is_money: bool = False) -> Figure:
    """The figure at `start` of `text`, with what stands before and after it."""
    before, after = text[max(0, start - 12) : start], text[start + len(number) :]
    exponent = 0
    scale = _SCALE_AFTER.match(after)
    if scale or rest.lower() in _SCALES:
        exponent = _SCALES[scale["word"].lower() if scale else rest.lower()]
        after = after[scale.end() if scale else len(rest) :]
    kind: Kind = "plain"
    foreign = (
        _FOREIGN_BEFORE.search(before),
        _FOREIGN_AFTER.match(after),
        _ODD_SCALE_AFTER.match(after),
        _BROKEN_BEFORE.search(before),
        _BROKEN_AFTER.match(after),
    )
    if any(foreign):
        kind = "foreign"
    elif _PERCENT_AFTER.match(after):
        kind = "percent"
    elif is_money or _MONEY_BEFORE.search(before) or _MONEY_AFTER.match(after):
        kind = "money"
    elif _CENTS_AFTER.match(after):
        kind, exponent = "money", -2
    shown = text[max(0, start - 1) if before.endswith("$") else start : start + len(number) + len(rest)]
    if kind == "percent":
        shown += " %"
    return Figure(
        shown=shown.strip(),
        kind=kind,
        amount=Decimal(number.replace(",", "")),
        exponent=exponent,
        is_negative=bool(_MINUS_BEFORE.search(before)),
    )
