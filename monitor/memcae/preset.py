"""What a model is made of, as frozen numbers: `paper`, `paper-literal` and `default`; importable without torch."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

Scale = Literal["magnitude", "log"]
Addressing = Literal["dot", "cosine"]
Fusion = Literal["plain", "anchored"]
References = Literal["held-out", "shared"]

CONTINUED = frozenset({"spectrum", "recall", "rhythm", "texture", "residual"})
"""Views that see nothing but averages over units of the sound, and the levels of its frames."""

QUIET_BLOCK = 8
"""Frames whose power is averaged before the quiet level is taken: 64 ms; measured best between 4 and 16."""

SEGMENT_STEP = 64
"""Frames between the beginnings of the segments that movement is looked at in, 0.512 s."""


@dataclass(frozen=True, slots=True)
class SpectrogramSpec:
    """How samples become a spectrogram."""

    rate_hz: int = 16_000
    """Samples per second; the model's rate (DESIGN section 3)."""
    n_fft: int = 512
    """Samples in a frame; 32 ms, bins 31.25 Hz apart."""
    hop: int = 128
    """Samples between frames; 8 ms."""
    scale: Scale = "magnitude"
    """`magnitude`: |X|, as the paper; `log`: its natural logarithm, so that loud bands do not drown the others."""
    average: int = 1
    """Frames whose power is averaged into one column; 1 is none."""
    centred: bool = True
    """Whether the first frame is centred on the first sample (mirrored borders): the paper's 1251 frames in 10 s."""
    standardise: bool = False
    """Whether each bin is brought to mean 0 and deviation 1 of the training set before the network."""

    @property
    def bins(self) -> int:
        """Frequency bins, 0 Hz to half the rate, both included."""
        return self.n_fft // 2 + 1

    @property
    def bin_hz(self) -> float:
        """Distance between bins, hertz."""
        return self.rate_hz / self.n_fft

    @property
    def columns_per_s(self) -> float:
        """Columns of the spectrogram per second of sound."""
        return self.rate_hz / (self.hop * self.average)

    def frames(self, samples: int) -> int:
        """Frames that ``samples`` samples give; 0 when they are too few for one."""
        return max(0, samples // self.hop + 1 if self.centred else (samples - self.n_fft) // self.hop + 1)

    def columns(self, samples: int) -> int:
        """Columns that ``samples`` samples give; 0 when they are too few for one."""
        return self.frames(samples) // self.average


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """The memory-augmented convolutional autoencoder."""

    widths: tuple[int, ...] = (16, 32)
    """Channels of the encoder's layers before the last; the decoder mirrors them."""
    slot_size: int = 64
    """C: channels of the encoder's last layer, and so the length of a memory slot."""
    slots: int = 2000
    """N: memory slots; 0 leaves the memory out (for ablations)."""
    leak: float = 0.2
    """LeakyReLU's slope below zero (MemAE)."""
    addressing: Addressing = "dot"
    """`dot`: equation 4 as it stands; `cosine`: of normalised vectors, sharpened by a learned factor."""
    decoder: bool = True
    """Whether there is a memory and a decoder behind the encoder; without, nothing is reconstructed."""
    asked_bands: int = 0
    """Bands that a head on the encoder tells raised from lowered (the training's second task); 0 is no head."""
    shrinkage: float = 0.0
    """Weights below this multiple of 1/N are set to 0 and the rest scaled up again (MemAE section 3.3); 0 is none."""

    @property
    def answers(self) -> int:
        """Classes of the head: every band raised, every band lowered, and nothing changed; 0 without a head."""
        return 2 * self.asked_bands + 1 if self.asked_bands else 0

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of every encoder layer, first to last."""
        return (*self.widths, self.slot_size)


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """How the network is trained."""

    epochs: float = 100.0
    """Passes over the training sound."""
    least_steps: int = 0
    """Gradient steps at least, whatever `epochs` says: little sound makes short epochs; 0 is no such bound."""
    most_steps: int = 0
    """Gradient steps at most, whatever `epochs` says, so that hours of sound do not train for hours; 0 is no bound."""
    batch: int = 8
    """Crops in a step."""
    learning_rate: float = 1e-3
    """Adam's step size."""
    speeds: tuple[float, ...] = (0.9, 1.0, 1.1)
    """Speed perturbation, training only: each crop is drawn at one of these factors."""
    crop_columns: int = 0
    """Spectrogram columns of a training crop; 0 takes a whole window."""
    entropy_weight: float = 0.0
    """Weight of the addressing entropy (nats) in the loss (MemAE section 3.4); 0 is plain MSE."""
    patience: int = 0
    """Checks of the held-out loss without progress before training stops; 0 never stops early."""
    references: References = "held-out"
    """`held-out`: the network never sees one fold of the recordings, and they alone are the references; `shared`: it
    sees all, and the views' statistics leave out each fold in turn: for views that compare statistics, not errors."""
    folds: int = 4
    """Parts that the recordings are split into for the references."""
    forgiven_db: float = 0.0
    """What looks through the network learns windows that are up to this louder or quieter than recorded, and in
    proportion brighter or darker (`monitor.learn.varied`); only for the logarithmic scale, 0 as they are."""


@dataclass(frozen=True, slots=True)
class Preset:
    """Everything that decides what a model is; stored with it."""

    name: str
    spectrogram: SpectrogramSpec
    network: NetworkSpec
    training: TrainingSpec
    views: tuple[str, ...]
    """Names in `monitor.memcae.views.VIEWS`, in the order of their columns."""
    fusion: Fusion
    """`plain`: the only view's distance as it is; `anchored`: see `monitor.memcae.fusion`."""

    @property
    def additive(self) -> bool:
        """Whether the score is the mean of the network's error over all columns (`monitor.memcae.overlap`)."""
        return self.views == ("mse",) and self.network.decoder and self.spectrogram.average == 1

    @property
    def continued(self) -> bool:
        """Whether all that the views see of a window is made of units of its sound (`monitor.memcae.continued`)."""
        whole = self.unit_frames % math.lcm(QUIET_BLOCK, SEGMENT_STEP) == 0 and not self.spectrogram.centred
        return whole and self.network.decoder and CONTINUED.issuperset(self.views)

    @property
    def unit_frames(self) -> int:
        """Frames of the transform from one position of the latent to the next."""
        return self.spectrogram.average << len(self.network.channels)

    @property
    def grid(self) -> int:
        """Samples between the beginnings of windows that share their work, a unit; 0 if none do."""
        return self.spectrogram.hop * self.unit_frames if self.additive or self.continued else 0

    def grid_of(self, window: int, hop: int) -> int:
        """The grid, in samples, for windows of ``window`` every ``hop``; 1, which is none, if none is shared."""
        return self.grid if 0 < self.grid <= hop < window else 1


PAPER = Preset(
    name="paper",
    spectrogram=SpectrogramSpec(),
    network=NetworkSpec(),
    training=TrainingSpec(),
    views=("mse",),
    fusion="plain",
)
"""The report's model: linear magnitude, 2000 slots of 64 values, dot product, clip MSE."""

PAPER_LITERAL = dataclasses.replace(PAPER, name="paper-literal", network=NetworkSpec(slot_size=2000))
"""The report's sentence "C is set to 2000" taken at its word: slots of 2000 values."""

DEFAULT = Preset(
    name="default",
    spectrogram=SpectrogramSpec(scale="log", average=8, centred=False, standardise=True),
    network=NetworkSpec(widths=(8, 16), slot_size=32, slots=100, addressing="cosine", asked_bands=8),
    training=TrainingSpec(
        epochs=8.0,
        least_steps=300,
        most_steps=750,
        crop_columns=25,
        references="shared",
        folds=10,
        forgiven_db=3.0,
    ),
    views=("recall", "rhythm", "texture", "residual"),
    fusion="anchored",
)
"""What users get: a MemCAE on log magnitude in 64 ms columns, standardised per bin, whose encoder learnt to tell moved
bands, and calibrated views of one window; two of them ask a memory.

Half as many channels as `paper` and columns of eight frames: twice as many of either tell no more (measured on the toy
cars, the motor and the simulated faults: within what the training's seed does), since what looks through the network
averages over the window, and cost 2.7 and 2 times the operations. `residual` alone does tell more with columns of four
frames: over five trainings .84 and .89 AUC on the toy cars instead of .72 and .79; the fused score hardly hears it."""

PRESETS: Mapping[str, Preset] = types.MappingProxyType({p.name: p for p in (DEFAULT, PAPER, PAPER_LITERAL)})
"""The presets by the name that the configuration uses."""


def to_dict(preset: Preset) -> dict[str, Any]:
    """``preset`` as JSON-ready values."""
    return dataclasses.asdict(preset)


def from_dict(values: Mapping[str, Any]) -> Preset:
    """The preset that `to_dict` wrote.

    Raises:
        ValueError: a field is missing, unknown, or of another type; names it.
    """
    return _build(Preset, values, "preset")


_Spec = TypeVar("_Spec")


def _build(kind: type[_Spec], values: object, where: str) -> _Spec:
    if not isinstance(values, Mapping):
        raise ValueError(f"{where}: expected fields, found {values!r}")  # noqa: TRY004 - one error for bad content
    hints = typing.get_type_hints(kind)
    if unequal := set(hints) ^ set(values):
        raise ValueError(f"{where}: missing or unknown field {min(unequal)!r}")
    return kind(**{name: _value(hint, values[name], f"{where}.{name}") for name, hint in hints.items()})


def _value(hint: Any, value: object, where: str) -> Any:  # noqa: ANN401 - a type hint may be anything
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast("type[Any]", hint), value, where)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal and value in arguments:
        return value
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_value(arguments[0], each, where) for each in value)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if origin is None and type(value) is hint:
        return value
    raise ValueError(f"{where}: {value!r} is not a {hint}")
