"""The lecture's matrix: little or more data, similar or different data, and what to do in each quadrant."""

from __future__ import annotations

from explorer.errors import ConfigError
from explorer.transfer_results import SIMILAR_BELOW, Advice

LITTLE_BELOW = 20
"""Training pictures of a class. The lecture gives no figure. With this one no proposal is far behind the best transfer
of the sets and amounts that `benchmarks.advice` tries: 5, 20 and 80."""

STAGES = "stages"
"""Not a training: linear probes on every stage, of which cross-validation chooses one."""

LECTURE = {
    (True, True): "probe",
    (True, False): STAGES,
    (False, True): "last",
    (False, False): "all",
}
"""(little, similar): CS231n's lecture on architectures, "transfer learning": a linear classifier on the top layer; try
linear classifiers at other stages; fine-tune a few layers; fine-tune many layers."""

PROPOSED = {
    (True, True): STAGES,
    (True, False): STAGES,
    (False, True): "all",
    (False, False): "all",
}
"""What is proposed: what `benchmarks.advice` found best of the transfers. Freezing all but the end costs more than the
lecture says, for nets as small as the shipped ones; that the earlier stages' features may be the better ones is true of
similar pictures, too."""


def advise(per_class: float, shift: float) -> Advice:
    """The quadrant of the matrix, what it proposes, and what the lecture says.

    Args:
        per_class: training pictures of a class.
        shift: of the pictures from those that the net was trained on, see `source_shift`.

    Raises:
        ConfigError: a figure that cannot be.

    >>> advise(per_class=5, shift=0.1).strategy
    'stages'
    """
    if per_class <= 0:
        message = f"per_class={per_class!r} is not possible: use a number above 0."
        raise ConfigError(message, key="above", said=f"per_class={per_class!r}", low=0)
    if shift < 0:
        message = f"shift={shift!r} is not possible: use a number from 0."
        raise ConfigError(message, key="from", said=f"shift={shift!r}", low=0)
    where = per_class < LITTLE_BELOW, shift < SIMILAR_BELOW
    return Advice(*where, strategy=PROPOSED[where], lecture=LECTURE[where])
