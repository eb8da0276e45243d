"""Image folders for the tests, made where they are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int = 0, width: int = 24, height: int = 20) -> Image.Image:
    """A picture whose colours change slowly from left to right and from top to bottom, another for each seed."""
    first, right, down = np.random.default_rng(seed).uniform(
        [[60] * 3, [-60] * 3, [-60] * 3], [[190] * 3, [60] * 3, [60] * 3]
    )
    rows, columns = (np.linspace(0, 1, length)[:, None] for length in (height, width))
    return Image.fromarray((first + right * columns[None] + down * rows[:, None]).astype(np.uint8))


def make_folder(root: Path, parts: Iterable[str], classes: Iterable[str], count: int = 6, ending: str = ".png") -> Path:
    """`root/PART/CLASS/0.png` and so on; a part "" is the root itself."""
    seed = 0
    for part in parts:
        for name in classes:
            folder = root / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                picture(seed).save(folder / f"{number}{ending}")
                seed += 1
    return root
