"""The invented account's database for the tests of this folder."""

from tests.app.marts_fixture import bare, databases, empty, filled, unreachable

__all__ = ["bare", "databases", "empty", "filled", "unreachable"]
