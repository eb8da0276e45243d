"""The weights that come with explorer: whole, small enough, and as good as their cards say."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import explorer
from explorer import cli, paths
from explorer.cards import WeightsCard, shipped_cards, shipped_file

CARDS = shipped_cards()
GOLDEN = Path(__file__).parent / "golden" / "shipped_logits.json"
MOST_BYTES = 25_000_000
DATA_VARIABLE = "EXPLORER_TEST_DATA"

each = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)


def test_the_folder_holds_each_net_with_its_card_and_nothing_else() -> None:
    names = {path.name for path in paths.shipped("weights").iterdir()}
    assert names == {"README.md", *(f"{card.name}{end}" for card in CARDS for end in (".json", ".safetensors"))}
    assert sum(card.bytes for card in CARDS) < MOST_BYTES


@each
def test_a_file_is_whole_and_small(card: WeightsCard) -> None:
    path = shipped_file(card)
    assert path.stat().st_size == card.bytes
    for name, value in load_file(path).items():
        assert value.dtype == torch.float16 if value.dim() > 1 else value.dtype != torch.float16, name


@each
def test_a_card_is_complete(card: WeightsCard) -> None:
    assert card.command.startswith(f"explorer train {card.name}")
    assert "DATA/" in card.command
    assert len(card.classes) == card.model.num_classes
    assert 0 <= card.low < card.top1 < card.high <= 1
    assert card.train_pictures > card.test_pictures > 0
    assert all((card.pictures, card.recipe, card.device, card.licence, card.seconds, card.versions))


@each
def test_logits_of_a_fixed_picture(card: WeightsCard, request: pytest.FixtureRequest) -> None:
    """On a photograph that no net has seen: what a change of the nets' arithmetic would change first."""
    net = explorer.create_model(card.name, weights="shipped").eval()
    picture = explorer.square(explorer.photograph("coffee"), card.model.image_size)  # (S, S, 3)
    x = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255  # (1, 3, S, S)
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (card.mean, card.std))
    with torch.no_grad():
        logits = net((x - mean) / std)[0].tolist()
    golden = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.exists() else {}
    if request.config.getoption("--overwrite-golden"):
        golden[card.name] = [round(logit, 4) for logit in logits]
        GOLDEN.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")
    assert logits == pytest.approx(golden[card.name], abs=2e-3)


def test_the_readme_lists_what_the_cards_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["weights", "list", "--format", "markdown"]) == 0
    listed = capsys.readouterr().out.strip()
    assert listed in (paths.shipped("weights") / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
@each
def test_a_net_is_as_good_as_its_card_says(card: WeightsCard) -> None:
    """Needs the pictures: a folder with the image folders `imagenette` and `cifar10`."""
    folder = Path(os.environ.get(DATA_VARIABLE, "nowhere")) / card.dataset
    if not folder.is_dir():
        pytest.skip(f"{DATA_VARIABLE} names no folder with the pictures of {card.dataset}")
    result = explorer.evaluate(f"shipped:{card.name}", str(folder))
    assert result.pictures == card.test_pictures
    # Another machine's arithmetic may change its mind about a picture in a thousand.
    assert result.top1 == pytest.approx(card.top1, abs=1e-3)
