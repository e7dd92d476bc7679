"""The keys of a study file."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from freqbias.validation import DataFile, Settings

#: What a study may be about; its report is about the one that changes the most when the file names none.
Quantity = Literal["network_vs_pde", "network_vs_kernel", "kernel_vs_pde", "bias_theory", "bias_network"]


class VarySettings(Settings):
    """One axis of the grid: the values of a key, or named changes of several keys that belong together."""

    key: str | None = Field(default=None, description="dotted key of the problem file")
    values: Annotated[list[Any], Field(min_length=1)] | None = None
    name: str | list[str] | None = Field(default=None, description="of the changes; one for each part of their labels")
    changes: Annotated[list[dict[str, Any]], Field(min_length=1)] | None = Field(
        default=None, description="tables of dotted keys and their values, each with a label"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = {name for name in ("key", "values", "name", "changes") if getattr(self, name) is not None}
        if given not in ({"key", "values"}, {"name", "changes"}):
            raise ValueError(
                f"needs key and values, or name and changes, got {' and '.join(sorted(given)) or 'neither'}"
            )
        return self


class StudySettings(Settings):
    """A whole study file."""

    base: DataFile = Field(description="problem file, relative to the study file")
    name: str | None = None
    question: str | None = Field(default=None, description="what the study shall answer, in words")
    quantity: Quantity | None = Field(default=None, description="what the answer is about")
    changes: dict[str, Any] = Field(default={}, alias="set", description="changes of the base, for all points")
    vary: list[VarySettings] = Field(default=[])
