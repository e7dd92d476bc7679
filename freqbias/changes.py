"""Changes of a problem file by dotted keys, as on the command line: ``network.width=1000``."""

import tomllib
from typing import Any

from freqbias.errors import InputError

_OPENING, _CLOSING = "([{", ")]}"


def parse_value(text: str) -> Any:
    """A value in TOML; a word without quotes stands for itself."""
    text = text.strip()
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if len(parsed) == 1 else text


def parse_change(text: str, option: str = "--set") -> tuple[str, str]:
    """Key and text of the value of ``KEY=VALUE``. Raises InputError naming ``option`` if it is nothing like that."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise InputError(f"{option} {text}: must be KEY=VALUE, for instance network.width=1000")
    return key.strip(), value


def split_values(text: str) -> list[str]:
    """The parts of ``text`` between commas; commas inside of brackets of any kind and quotes do not separate."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in _OPENING:
            depth += 1
        elif character in _CLOSING:
            depth -= 1
        elif character == "," and depth == 0:
            parts.append("")
            continue
        parts[-1] += character
    return [part.strip() for part in parts]


def apply_change(data: dict[str, Any], key: str, value: Any, source: str) -> None:
    """Set the dotted ``key`` in ``data``, the content of a problem file; tables on the way are made.

    Raises InputError with ``source`` in front if something on the way is no table.
    """
    *tables, last = key.split(".")
    for name in tables:
        data = data.setdefault(name, {})
        if not isinstance(data, dict):
            raise InputError(f"{source}: {key}: {name} is not a table")
    data[last] = value
