"""From a run to a shipped file with its card, and back into a net; what is not whole is refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import explorer
from explorer import ModelConfig, TrainConfig, cli, paths
from explorer.cards import WeightsCard, shipped_card, shipped_cards, shipped_file
from explorer.errors import CheckpointError, ConfigError
from explorer.jobs.running import run_here
from explorer.run_results import Run
from explorer.training.checkpoints import LAST, read_tensors, weights_of
from explorer.training.runs import RunStore
from explorer.training.shipping import Origin, ship
from explorer.training.trained import in_order_of

ORIGIN = Origin("digits", "scikit-learn's digits", "MIT", "explorer train resnet8 --data DATA/digits")
MODEL = ModelConfig("resnet8", image_size=8, in_channels=1, width=0.5)
TRAIN = TrainConfig("digits", epochs=2, subset=40, test_subset=30, batch_size=32, precision="float32", device="cpu")


@dataclass(frozen=True)
class Shipped:
    folder: Path
    store: RunStore
    run: Run
    card: WeightsCard

    @property
    def file(self) -> Path:
        return self.folder / "resnet8.safetensors"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    """A small run, shipped into a folder of its own."""
    folder = tmp_path_factory.mktemp("weights")
    store = RunStore(tmp_path_factory.mktemp("runs"))
    run = run_here(store, store.create(MODEL, TRAIN, name="small").run_id)
    yield Shipped(folder, store, run, ship(run, store, folder, ORIGIN))
    store.close()


@pytest.fixture
def shipped(once: Shipped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shipped:
    """The same in a folder that a test may spoil, in the place of the weights that come with explorer."""
    for file in once.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(paths, "shipped", lambda name: tmp_path)
    return Shipped(tmp_path, once.store, once.run, once.card)


def test_a_file_has_the_last_epochs_weights_in_half_precision(shipped: Shipped) -> None:
    last = weights_of(read_tensors(shipped.store.folder(shipped.run.run_id) / LAST)[0])
    written = load_file(shipped.file)
    assert written.keys() == last.keys()
    for name, value in last.items():
        large = value.dim() > 1
        assert written[name].dtype == (torch.float16 if large else value.dtype), name
        torch.testing.assert_close(written[name], value.half() if large else value, rtol=0, atol=0)


def test_a_card_says_what_the_file_itself_reaches(shipped: Shipped) -> None:
    net = explorer.create_model("resnet8", weights="shipped").eval()
    card = net.card
    assert card == shipped.card == shipped_card("resnet8")
    data = explorer.load_dataset("digits", image_size=8, channels=1)
    rows = torch.arange(len(data.test))
    pictures = (data.test.pictures(rows).float() / 255 - card.mean[0]) / card.std[0]
    with torch.no_grad():
        logits = net(pictures)
    right = (logits.argmax(1) == data.test.labels).float().mean().item()
    assert card.top1 == pytest.approx(right, abs=1e-6)
    assert card.loss == pytest.approx(nn.functional.cross_entropy(logits, data.test.labels).item(), abs=1e-5)
    assert card.test_pictures == len(data.test)
    assert card.low < card.top1 < card.high
    assert (card.epochs, card.seed, card.command, card.licence) == (2, 0, ORIGIN.command, "MIT")
    assert explorer.evaluate("shipped:resnet8").top1 == pytest.approx(card.top1, abs=1e-9)


def test_a_card_says_nothing_of_the_machines_folders(shipped: Shipped) -> None:
    home = str(shipped.store.path)
    assert home not in (shipped.folder / "resnet8.json").read_text(encoding="utf-8")
    assert home.encode() not in shipped.file.read_bytes()


def test_a_card_survives_json(shipped: Shipped) -> None:
    assert WeightsCard.from_dict(json.loads(json.dumps(shipped.card.as_dict()))) == shipped.card


def test_loading_by_name_takes_classes_and_size_from_the_card(shipped: Shipped) -> None:
    net = explorer.create_model("resnet8", weights="shipped")
    assert net.config == MODEL
    assert explorer.create_model(ModelConfig("resnet8"), weights="shipped").config == MODEL
    # The same options said once more are no contradiction, nor is a seed: nothing is drawn.
    assert explorer.create_model("resnet8", weights="shipped", image_size=8, seed=3).config == MODEL


@pytest.mark.parametrize("option", [{"num_classes": 5}, {"width": 1.0}, {"shortcut": "B"}])
def test_an_option_that_is_not_the_weights_own_is_refused(shipped: Shipped, option: dict[str, object]) -> None:
    name, value = next(iter(option.items()))
    with pytest.raises(ConfigError, match=f"{name}={value} is not possible with the shipped weights of resnet8"):
        explorer.create_model("resnet8", weights="shipped", **option)


def test_other_weights_are_another_verbs(shipped: Shipped) -> None:
    with pytest.raises(ConfigError, match="weights='imagenet' is not possible: use shipped"):
        explorer.create_model("resnet8", weights="imagenet")  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_a_changed_byte_is_refused(shipped: Shipped, share: float, capsys: pytest.CaptureFixture[str]) -> None:
    content = bytearray(shipped.file.read_bytes())
    content[round(share * (len(content) - 1))] ^= 1
    shipped.file.write_bytes(content)
    for load in (lambda: explorer.create_model("resnet8", weights="shipped"), lambda: shipped_file(shipped.card)):
        with pytest.raises(CheckpointError, match="not the file that its card describes"):
            load()
    with pytest.raises(CheckpointError, match="another checksum"):
        explorer.load_trained("shipped:resnet8")
    assert cli.main(["weights", "verify"]) == 2
    said = capsys.readouterr()
    assert "resnet8.safetensors is not the file" in said.out
    assert said.err.strip() == "Error: Of 1 files, 1 are not whole: resnet8."


def test_a_missing_file_and_a_damaged_card_are_said(shipped: Shipped) -> None:
    shipped.file.unlink()
    with pytest.raises(CheckpointError, match="There is no checkpoint"):
        explorer.create_model("resnet8", weights="shipped")
    (shipped.folder / "resnet8.json").write_text('{"model": 3}', encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"The card resnet8\.json is damaged"):
        shipped_cards()


def test_another_training_starts_from_shipped_weights(shipped: Shipped) -> None:
    start = explorer.load_trained("shipped:resnet8").model.state_dict()
    config = TRAIN.replace(start_from="shipped:resnet8", epochs=1, lr=1e-9)
    run = run_here(shipped.store, shipped.store.create(MODEL, config).run_id)
    assert run.status == "finished", run.message
    trained = weights_of(read_tensors(shipped.store.folder(run.run_id) / LAST)[0])
    torch.testing.assert_close(trained["conv1.weight"], start["conv1.weight"], rtol=0, atol=1e-6)


def test_an_unfinished_run_is_not_shipped(shipped: Shipped, tmp_path: Path) -> None:
    run = shipped.store.create(MODEL, TRAIN)
    with pytest.raises(CheckpointError, match="has not finished"):
        ship(run, shipped.store, tmp_path, ORIGIN)


def test_what_half_precision_cannot_hold_is_not_shipped(shipped: Shipped) -> None:
    from explorer.training.shipping import _halved

    with pytest.raises(CheckpointError, match=r"fc\.weight has values that half precision cannot hold"):
        _halved("fc.weight", torch.full((2, 2), 7e4))
    assert _halved("bn1.running_var", torch.full((2,), 7e4)).dtype == torch.float32


def test_the_commands_show_the_card(shipped: Shipped, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["weights", "list"]) == 0
    assert "resnet8" in capsys.readouterr().out
    for format in ("table", "csv", "json", "markdown"):
        assert cli.main(["weights", "list", "--format", format]) == 0
        assert cli.main(["weights", "show", "resnet8", "--format", format]) == 0
        assert "resnet8" in capsys.readouterr().out
    assert cli.main(["weights", "verify", "resnet8"]) == 0
    assert "as its card says" in capsys.readouterr().out
    assert cli.main(["weights", "show", "resnet34"]) == 2
    assert capsys.readouterr().err == (
        "Error: No weights of resnet34 come with explorer (resnet8 do): name a run or a file.\n"
    )


def test_classes_in_another_order_are_told_apart_by_name(shipped: Shipped) -> None:
    trained = explorer.load_trained("shipped:resnet8")
    names = tuple(f"Digit {number}" for number in range(10))
    ours = dataclasses.replace(trained, classes=tuple(name.lower().replace(" ", "_") for name in names))
    backwards = in_order_of(ours, names[::-1], "digits")
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(backwards.model(x), trained.model(x).flip(1))
    assert backwards.classes == names[::-1]
    with pytest.raises(ConfigError, match="choose data with the same classes"):
        in_order_of(ours, (*names[:9], "Digit x"), "digits")
