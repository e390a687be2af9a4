"""The page on adding a source: what it names exists, and every registered source has what it asks for."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from assets.connectors.control import ControlSource
from assets.connectors.paged import Counted, PagedConnector
from assets.connectors.paged_settings import PagedSource
from orchestration.connect import AnySource
from tests.conftest import ROOT
from tests.connectors.cases import CASES
from tests.connectors.test_docs import MODELS

PAGE = (ROOT / "docs" / "add-a-source.md").read_text(encoding="utf-8")
#: `path` or `path`: `name` in backticks, placeholders left out.
PLACES = re.findall(r"`((?:assets|orchestration|tests|docs)/[^`<>*]+|[A-Z]+\.md)`(?:: `(\w+)`)?", PAGE)
SOURCES = [source for source in get_args(AnySource) if source is not ControlSource]


def type_of(source: type[PagedSource]) -> str:
    (found,) = get_args(source.model_fields["type"].annotation)
    return str(found)


def test_places_exist() -> None:
    assert len(PLACES) > 10
    for path, name in PLACES:
        text = (ROOT / path).read_text(encoding="utf-8")
        assert re.search(rf"\b{name}\b", text), (path, name)


def test_names_exist() -> None:
    """Methods to give, classes to use: each is defined in the code that the page speaks of."""
    names = set(re.findall(r"`([A-Z]\w+|[a-z_]+|\w+\.\w+)`", PAGE)) - {path for path, _ in PLACES}
    names -= {"type", "since", "window", "incidents"}  # keys, a parameter and a table
    folders = ("assets/connectors", "assets/landing", "orchestration", "tests/connectors")
    code = "\n".join(path.read_text("utf-8") for folder in folders for path in (ROOT / folder).rglob("*.py"))
    missing = [
        name
        for name in sorted(names)
        if not re.search(rf"(?:def |class |^ *){name.rpartition('.')[2]}\b", code, re.MULTILINE)
    ]
    assert missing == []


def test_methods_of_the_class_are_those_of_the_base() -> None:
    for name in ("first", "page", "sign_in", "headers", "zone", "census_page"):
        assert f"`{name}`" in PAGE
        assert hasattr(PagedConnector, name) or hasattr(Counted, name)


@pytest.mark.parametrize("source", SOURCES, ids=type_of)
def test_every_registered_source_has_a_page_and_those_in_pages_a_case(source: type[PagedSource]) -> None:
    assert type_of(source) in MODELS
    assert not issubclass(source, PagedSource) or type_of(source) in CASES


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
