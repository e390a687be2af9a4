"""The data dictionary in docs/ says what the models say."""

from __future__ import annotations

import json

from orchestration.dictionary import DICTIONARY, MANIFEST, dictionary


def test_dictionary_is_up_to_date() -> None:
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    assert DICTIONARY.read_text(encoding="utf-8") == dictionary(manifest), "fix: make docs"


def test_every_published_column_is_described() -> None:
    manifest = json.loads(MANIFEST.read_text(encoding="utf-8"))
    bare = [
        f"{node['name']}.{name}"
        for node in manifest["nodes"].values()
        if "published" in node.get("config", {}).get("meta", {})
        for name, column in node["columns"].items()
        if not column["description"].strip() or not column.get("data_type")
    ]
    assert bare == []
