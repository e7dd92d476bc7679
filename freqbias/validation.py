"""Base class and field types of everything that is read from a problem file."""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from freqbias.input_files import unreadable


class Settings(BaseModel):
    """Base of all tables of a problem file: unknown keys and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def as_list(value: Any) -> Any:
    """One value stands for a list with that value."""
    return value if isinstance(value, list) else [value]


def _existing_file(name: str, info: ValidationInfo) -> str:
    """Make ``name`` absolute, relative to the folder of the problem file."""
    if name.startswith("matplotlib:"):
        return name
    context = info.context or {}
    path = os.path.abspath(Path(context.get("directory", ".")) / name)
    reason = unreadable(path) if context.get("check_files", True) else None
    if reason is not None:
        raise ValueError(f"{reason} (looked for {path})")
    return path


#: The sizes of the numbers that a problem may be made of: others have no squares, inverses and products.
SMALLEST, LARGEST = 1e-60, 1e60


def _not_huge(value: float) -> float:
    if abs(value) > LARGEST:
        raise ValueError(f"{value:g} is beyond {LARGEST:g}")
    return value


def _not_tiny(value: float) -> float:
    if value < SMALLEST:
        raise ValueError(f"{value:g} is below {SMALLEST:g}")
    return value


Real = Annotated[float, AfterValidator(_not_huge)]
PositiveFloat = Annotated[float, Field(gt=0), AfterValidator(_not_huge), AfterValidator(_not_tiny)]
PositiveInt = Annotated[int, Field(gt=0)]
#: One number for all axes, or a list with one number for each axis.
PositivePerAxis = Annotated[list[PositiveFloat], BeforeValidator(as_list)]
RealPerAxis = Annotated[list[Real], BeforeValidator(as_list)]
CountPerAxis = Annotated[list[PositiveInt], BeforeValidator(as_list)]
DataFile = Annotated[str, AfterValidator(_existing_file)]


def per_axis(values: list, dimension: int, key: str) -> list:
    """Spread a value given once over ``dimension`` axes; raises ValueError when the lengths do not agree."""
    if len(values) == 1:
        return list(values) * dimension
    if len(values) != dimension:
        raise ValueError(
            f"{key} has {len(values)} values, must have one for each of the {dimension} axes, or one for all"
        )
    return list(values)
