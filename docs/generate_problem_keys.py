"""The keys of a problem file as Markdown, from the classes that check them."""

import json
import re
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from freqbias.laws import AnyLaw
from freqbias.network_settings import NetworkSettings
from freqbias.settings import ProblemSettings
from freqbias.validation import as_list

LIMITS = {
    "exclusiveMinimum": "above {:g}",
    "minimum": "at least {:g}",
    "exclusiveMaximum": "below {:g}",
    "maximum": "at most {:g}",
}
TYPES = {
    "number": ("number", "numbers"),
    "integer": ("whole number", "whole numbers"),
    "string": ("text", "texts"),
    "boolean": ("true or false", "true or false"),
}
HEADER = ["| key | type and limits | default | meaning |", "|---|---|---|---|"]


def _alone_or_list(annotation: Any) -> bool:
    """Whether one value may stand for a list of it."""
    if getattr(annotation, "func", None) is as_list:
        return True
    parts = (*get_args(annotation), *getattr(annotation, "__metadata__", ()))
    return any(_alone_or_list(part) for part in parts)


def _type(schema: dict[str, Any], plural: bool = False) -> str:
    if "anyOf" in schema:
        parts = (_type(part) for part in schema["anyOf"] if part.get("type") != "null")
        return " or ".join(dict.fromkeys(parts))
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return ("lists of " if plural else "list of ") + _type(schema.get("items", {}), plural=True)
    limits = ", ".join(text.format(schema[key]) for key, text in LIMITS.items() if key in schema)
    return f"{TYPES.get(schema.get('type', ''), ('table', 'tables'))[plural]} {limits}".strip()


def _plain(text: str) -> str:
    """Stars and bars are those of formulas, not of Markdown."""
    return re.sub(r"([*|])", r"\\\1", text)


def _row(name: str, field: FieldInfo, schema: dict[str, Any]) -> str:
    kind = _type(schema)
    if any(_alone_or_list(part) for part in (field.annotation, *field.metadata)) and "lists" not in kind:
        kind = f"{kind}, or one for all"
    default = "required" if field.is_required() else "" if field.default is None else f"`{json.dumps(field.default)}`"
    return f"| `{name}` | {kind} | {default} | {_plain(field.description or '')} |"


def _is_table(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _prose(model: type[BaseModel]) -> str:
    """The docstring of a class as Markdown."""
    return "\n".join(line.strip() for line in _plain(model.__doc__ or "").replace("``", "`").splitlines())


def _table(title: str, model: type[BaseModel], level: int = 2) -> list[str]:
    """Heading, text and keys of one table; tables inside of it have their own."""
    properties = model.model_json_schema()["properties"]
    rows = [
        _row(name, field, properties[name])
        for name, field in model.model_fields.items()
        if not _is_table(field) and name not in ("law", "network", "function")
    ]
    return [f"{'#' * level} {title}", "", _prose(model), "", *HEADER, *rows, ""]


def _families(union: Any) -> list[str]:
    """One table of keys for each class of a union that the key ``family`` tells apart."""
    lines = []
    for model in get_args(union):
        (family,) = get_args(model.model_fields["family"].annotation)
        lines += _table(f'`family = "{family}"`', model, 3)
    return lines


def problem_keys() -> str:
    """A section for each table of a problem file: keys, types, limits, defaults, meanings."""
    lines = _table("Outside of all tables", ProblemSettings)
    lines += [
        "## `[network]`",
        "",
        "One of these families; the first one if none is named.",
        "",
        *_families(NetworkSettings),
    ]
    lines += ["## `[network.law]`", "", "The law of the frequencies of the first layer, in radians per unit of x.", ""]
    lines += _families(get_args(AnyLaw)[0])
    for name, field in ProblemSettings.model_fields.items():
        if _is_table(field):
            lines += _table(f"`[{name}]`", field.annotation)
            for key, inner in field.annotation.model_fields.items():
                if _is_table(inner):
                    lines += _table(f"`[{name}.{key}]`", inner.annotation, 3)
    return "\n".join(lines)
