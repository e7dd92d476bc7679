"""One line for a user out of pydantic's report on a problem file."""

import difflib
import reprlib
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from freqbias.network_settings import DEFAULT_FAMILY
from freqbias.settings import ProblemSettings
from freqbias.validation import Settings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def describe(error: ValidationError, data: dict[str, Any], model: type[Settings] = ProblemSettings) -> str:
    """The first mistake in ``data`` as ``key = value: what is allowed``, and how many more there are.

    ``model`` is the class that refused ``data``.
    """
    # A misspelt key also leaves the right one missing: what is there is said first.
    found = sorted(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    first = _one_line(found[0], data, model)
    return first if len(found) == 1 else f"{first} (and {len(found) - 1} more)"


def _one_line(found: "ErrorDetails", data: dict[str, Any], model: type[Settings]) -> str:
    key, value = _key_in_file(found["loc"], data)
    match found["type"]:
        case "missing":
            return f"{key}: missing"
        case "extra_forbidden":
            allowed = _allowed_keys(found["loc"], model)
            close = difflib.get_close_matches(str(found["loc"][-1]), allowed, n=1)
            hint = f", did you mean {close[0]}?" if close else ""
            return f"{key}: unknown key{hint} (allowed here: {', '.join(allowed)})"
        case "union_tag_invalid":
            given = value.get("family") if isinstance(value, dict) else value
            return f"{key}.family = {given!r}: must be one of {found['ctx']['expected_tags']}"
        case "union_tag_not_found":
            return f"{key}.family: missing"
        case "value_error":
            return f"{key}: {found['ctx']['error']}" if key else str(found["ctx"]["error"])
    if found["type"] == "model_type":
        return f"{key} = {_short(value)}: must be a table"
    reason = found["msg"].replace("Input should be", "must be")
    return f"{key} = {_short(value)}: {reason}"


def _key_in_file(location: tuple, data: Any) -> tuple[str, Any]:
    """The dotted key of a pydantic location and the value there; union tags are not part of the file."""
    key, value = "", data
    for part in location:
        if isinstance(part, int):
            if not isinstance(value, list):  # one value given for all axes
                continue
            value = value[part] if part < len(value) else None
            key += f"[{part}]"
        elif isinstance(value, dict) and part not in value and part == value.get("family", DEFAULT_FAMILY):
            continue
        else:
            value = value.get(part) if isinstance(value, dict) else value
            key += f".{part}" if key else part
    return key, value


def _allowed_keys(location: tuple, model: type[Settings]) -> list[str]:
    """Keys of the table in which an unknown key was found."""
    schema = model.model_json_schema(mode="validation")
    table = schema
    for part in location[:-1]:
        if isinstance(part, int):
            table = table.get("items", table)
        elif part in table.get("properties", {}):
            table = table["properties"][part]
        elif "discriminator" in table:
            table = {"$ref": table["discriminator"]["mapping"][part]}
        while "$ref" in table:
            table = schema["$defs"][table["$ref"].rsplit("/", 1)[1]]
    return sorted(table.get("properties", {}))


#: Values that are nested, long or many are cut short while they are written, not afterwards.
_REPR = reprlib.Repr(maxlevel=4, maxlist=20, maxdict=10, maxstring=80, maxlong=80, maxother=80)


def _short(value: Any) -> str:
    text = _REPR.repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
