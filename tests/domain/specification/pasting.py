"""What somebody does with a suggested answer: paste its lines over what stands under the same keys."""

import json
from typing import Any

import yaml

from adapters.specification_file import parse
from domain.specification.asking import Suggestion
from domain.specification.model import Specification


def tree(text: str) -> dict[str, Any]:
    """A file as plain data, every scalar a text."""
    found: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it resolves nothing
    return found


def pasted(file: dict[str, Any], suggestion: Suggestion) -> dict[str, Any]:
    """The file with the lines in it."""
    lines = tree(suggestion.yaml)
    if isinstance(lines, list):
        return {**file, "answers": [*file["answers"], *lines]}
    if "answers" in lines:
        assert "answers" not in file
        return {**file, **lines}
    return {**file, "resources": _over(file["resources"], lines)}


def read(file: dict[str, Any]) -> Specification:
    """What it says. JSON is YAML."""
    return parse(json.dumps(_bare(file), ensure_ascii=False, indent=1))


def _over(old: Any, new: Any) -> Any:
    """A mapping goes into a mapping, but a field's declaration is one value."""
    if isinstance(old, dict) and isinstance(new, dict) and "type" not in new:
        return {**old, **{key: _over(old.get(key), value) for key, value in new.items()}}
    return new


def _bare(node: Any) -> Any:
    """`optional` alone says yes."""
    if isinstance(node, dict):
        return {k: "yes" if k == "optional" and v == "" else _bare(v) for k, v in node.items()}
    return [_bare(item) for item in node] if isinstance(node, list) else node
