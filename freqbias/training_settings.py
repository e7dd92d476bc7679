"""The keys of the table ``training`` of a problem file."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from freqbias.validation import PositiveInt, Settings


def _seeds(value: Any) -> Any:
    """Checked by hand: of a union, pydantic would report every member."""
    if type(value) is int and 1 <= value <= MOST_SEEDS:
        return value
    seeds = value if isinstance(value, list) and all(map(_is_seed, value)) else []
    if 1 <= len(seeds) <= MOST_SEEDS and len(set(seeds)) == len(seeds):
        return seeds
    raise ValueError(f"must be a number from 1 to {MOST_SEEDS}, or a list of different seeds that are at least 0")


def _is_seed(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_SEED


#: The largest seed, and with it those of the runs after it, stands in a spectrum file and in a float.
LARGEST_SEED = 2**52
#: Smallest tolerance of a gradient flow in single precision: rounding leaves an error of about this size.
LEAST_SINGLE = 1e-5
#: Most runs of one problem.
MOST_SEEDS = 1000
#: Seeds of several runs, or their number.
SeedList = Annotated[int | list[int], BeforeValidator(_seeds)]


class TimesSettings(Settings):
    """Output times in learning time: 0 and ``count`` log-spaced times from ``first`` to ``last``."""

    first: Annotated[float, Field(gt=0)] = Field(default=1.0, description="first time after 0")
    last: Annotated[float, Field(gt=0)] = Field(description="last time")
    count: Annotated[int, Field(ge=1, le=10_000)] = Field(default=25, description="times after 0")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.first > self.last:
            raise ValueError(f"first = {self.first} must not exceed last = {self.last}")
        if self.count > 1 and self.first == self.last:
            raise ValueError(f"count = {self.count} needs first < last")
        return self


class ScheduleSettings(Settings):
    """How the learning rate changes over training, as a factor of ``learning_rate``."""

    family: Literal["constant", "linear", "cosine", "exponential"] = "constant"
    warmup: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="part of all steps over which the factor first rises linearly from 0"
    )
    final: Annotated[float, Field(gt=0, le=1)] = Field(default=0.01, description="factor at the last step")

    @property
    def constant(self) -> bool:
        """Whether the factor is always 1."""
        return self.family == "constant" and self.warmup == 0


class TrainingSettings(Settings):
    """How the network is trained."""

    optimizer: Literal["gradient-flow", "gradient-descent", "momentum", "nesterov", "adam", "adamw"] = "gradient-flow"
    learning_rate: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="of all optimizers but gradient-flow"
    )
    tolerance: Annotated[float, Field(ge=1e-10, le=0.1)] = Field(
        default=1e-4, description="gradient-flow: error of the predictions over all times, relative to the initial one"
    )
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(default=0.9, description="momentum, nesterov: PyTorch's")
    weight_decay: Annotated[float, Field(ge=0)] = Field(default=0.01, description="adamw: per unit of learning time")
    batch: PositiveInt | None = Field(default=None, description="samples of a step; all when left out")
    schedule: ScheduleSettings = ScheduleSettings()
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] = Field(
        default=0, description="of random neurons, points and batches"
    )
    seeds: SeedList | None = Field(default=None, description="several runs: their seeds, or how many from seed on")
    precision: Literal["float64", "float32"] = Field(
        default="float64",
        description="of the network; float32 leaves a gradient flow an error of about 1e-5",
    )
    evaluator: Literal["auto", "nufft", "dense"] = Field(
        default="auto", description="two layers: non-uniform FFTs, or the plain formula"
    )
    nufft_tolerance: Annotated[float, Field(ge=1e-13, le=1e-2)] = Field(
        default=1e-10, description="error of a non-uniform FFT, relative"
    )
    threads: Annotated[int, Field(ge=0)] = Field(default=0, description="0: as many as are measured to be fastest")
    times: TimesSettings

    @property
    def all_seeds(self) -> list[int]:
        """The seed of every run."""
        match self.seeds:
            case None:
                return [self.seed]
            case int():
                return list(range(self.seed, self.seed + self.seeds))
        return self.seeds

    @property
    def step_size(self) -> float:
        """The learning rate of an optimizer with steps. Raises ValueError for a gradient flow, which needs none."""
        if self.learning_rate is None:
            raise ValueError("a gradient flow has no learning rate")
        return self.learning_rate

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.optimizer == "gradient-flow":
            if self.batch is not None:
                raise ValueError('batch belongs to optimizers with steps, not to optimizer = "gradient-flow"')
            if not self.schedule.constant:
                raise ValueError('schedule belongs to optimizers with steps, not to optimizer = "gradient-flow"')
            if self.precision == "float32" and self.tolerance < LEAST_SINGLE:
                raise ValueError(
                    f'tolerance = {self.tolerance:g} is less than rounding with precision = "float32" allows, must be '
                    f"at least {LEAST_SINGLE:g}"
                )
        elif self.learning_rate is None:
            raise ValueError(f'learning_rate is missing: optimizer = "{self.optimizer}" needs one')
        return self
