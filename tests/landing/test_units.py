"""UCUM units: what converts, what must not, and what a person is told."""

from __future__ import annotations

import pytest

from assets.landing.units import UnitError, check_unit, conversion, is_unit, rate_conversion


@pytest.mark.parametrize(
    ("source", "target", "factor"),
    [
        ("%", "1", 0.01),
        ("1", "%", 100.0),
        ("MiBy", "By", 1_048_576.0),
        ("kBy/s", "By/s", 1000.0),
        ("By/s", "bit/s", 8.0),
        ("ms", "s", 0.001),
        ("d", "s", 86_400.0),
        ("{connection}", "1", 1.0),
        ("1", "{connection}", 1.0),
        ("{request}/min", "{request}/s", 1 / 60),
        ("10*-3{core}", "{core}", 0.001),
        ("Hz", "1/s", 1.0),
    ],
)
def test_units_convert_by_a_factor(source: str, target: str, factor: float) -> None:
    assert conversion(source, target) == (pytest.approx(factor, rel=1e-15), 0.0)


@pytest.mark.parametrize(
    "text", ["1", "%", "By", "GBy", "TiBy", "bit/s", "us", "ns", "d", "{request}", "{request}/s", "h/s"]
)
def test_usual_codes_that_skip_the_grammar_are_in_it(text: str) -> None:
    """The short cut for common codes must not accept what UCUM would not."""
    assert is_unit(text)
    assert conversion(text, text) == (1.0, 0.0)
    assert conversion(text, f"{text}.1") == (1.0, 0.0)


def test_temperatures_convert_with_an_offset() -> None:
    factor, offset = conversion("[degF]", "Cel")
    assert 212 * factor + offset == pytest.approx(100.0, abs=1e-8)


@pytest.mark.parametrize(
    ("source", "target"), [("By", "1"), ("By", "s"), ("m", "s"), ("By/s", "1/s"), ("dB", "1")]
)
def test_what_measures_something_else_does_not_convert(source: str, target: str) -> None:
    """UCUM calls bytes dimensionless: taken literally, bytes would pass for ratios."""
    with pytest.raises(UnitError, match="; fix: "):
        conversion(source, target)


def test_a_counter_converts_by_its_growth_a_second() -> None:
    assert rate_conversion("kBy", "By/s") == (1000.0, 0.0)
    assert rate_conversion("1", "{request}/min") == (60.0, 0.0)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("bytes", "write By"),
        ("Percent", "write %"),
        ("", "use a UCUM code"),
        ("x" * 200, "use a UCUM code"),
        ("]", ""),
    ],
)
def test_an_unknown_unit_is_refused_with_the_likely_one(text: str, fix: str) -> None:
    assert not is_unit(text)
    with pytest.raises(UnitError, match=f"is not a UCUM unit; fix: {fix}"):
        check_unit(text)
