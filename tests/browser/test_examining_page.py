"""The step Understand of the Transfer tab as a person uses it: choose a net, examine it, see both planes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import Visit, served
from playwright.sync_api import expect

from explorer.config import ModelConfig
from explorer.jobs.running import run_here
from explorer.train_config import TrainConfig
from explorer.training.runs import RunStore

TAB = "/?tab=transfer"


@pytest.fixture(scope="module")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An app with two runs that have learned digits for an epoch."""
    folder = tmp_path_factory.mktemp("examining")
    store = RunStore(folder / "home" / "runs")
    few = TrainConfig("digits", epochs=1, subset=10, batch_size=32, device="cpu", precision="float32")
    for name in ("older", "newer"):
        run_here(store, store.create(ModelConfig("resnet8", in_channels=1, image_size=8), few, name=name).run_id)
    store.close()
    with served(folder) as url:
        yield url


@pytest.mark.slow
def test_what_is_chosen_is_examined_and_stays_chosen(visit: Visit) -> None:
    visitor = visit(TAB)
    chosen = visitor.find("#understand-net input")
    expect(chosen).to_have_value("newer · from scratch · 10 per class")  # without a choice, the newest
    visitor.choose("understand-net", "older · from scratch · 10 per class")
    expect(chosen).to_have_value("older · from scratch · 10 per class")
    visitor.find("#transfer-seeds textarea, #transfer-seeds input").fill("1")
    visitor.find("#transfer-seeds textarea, #transfer-seeds input").press("Enter")
    visitor.wait_for_query("seeds=1")
    visitor.quiet()
    expect(chosen).to_have_value("older · from scratch · 10 per class")
    visitor.find("#understand-go").click()
    expect(visitor.find("#understand-summary h4")).to_contain_text("older", timeout=60_000)
    expect(visitor.find("#understand-projection figcaption")).to_contain_text("variance", timeout=60_000)
    visitor.find("#understand-method").get_by_text("t-SNE").click()
    expect(visitor.find("#understand-projection figcaption")).to_contain_text("Near points", timeout=90_000)
    expect(visitor.find("#understand-problem")).to_be_empty()
