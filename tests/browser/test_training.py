"""Training in the page: choose, start, watch, leave and come back, stop, go on; and what was trained, compared."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote

import pytest
from conftest import PHONE, Visit, Visitor, served
from PIL import Image
from playwright.sync_api import Route, expect

from explorer.config import ModelConfig
from explorer.jobs.running import run_here
from explorer.train_config import TrainConfig
from explorer.training.runs import RunStore

TINY = "model=resnet8&width=0.25&data=digits&t.subset=20&t.batch_size=32"
LONG = f"{TINY}&t.epochs=2000"
"""Goes on for as long as a test looks at it."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def app_url(home: Path) -> Iterator[str]:
    """An app with a store of its own; when it ends, whatever still trains ends with it and can be gone on with."""
    with served(home) as url:
        yield url
    assert {run.status for run in RunStore(home / "home" / "runs").list()} <= {"finished", "stopped"}


@pytest.fixture(autouse=True)
def nothing_goes_on(home: Path) -> Iterator[None]:
    """What a test that failed left training would keep the next ones waiting for their turn."""
    yield
    for run in store(home).list():
        store(home).request_stop(run.run_id)


def store(home: Path) -> RunStore:
    return RunStore(home / "home" / "runs")


def run_id(visitor: Visitor) -> str:
    """The run that the address names."""
    return parse_qs(visitor.query.lstrip("?"))["run"][0]


def points(visitor: Visitor, trace: int = 0) -> int:
    """How many points of a curve are drawn; the first curve is the batches'."""
    return int(
        visitor.page.evaluate(
            "trace => document.querySelector('#train-curves .plot')?.data?.[trace]?.x.length ?? 0", trace
        )
    )


def wait_for_points(visitor: Visitor, least: int, trace: int = 0) -> None:
    visitor.page.wait_for_function(
        "([least, trace]) => document.querySelector('#train-curves .plot')?.data?.[trace]?.x.length >= least",
        arg=[least, trace],
        timeout=90_000,
    )


def wait_for_status(visitor: Visitor, status: str) -> None:
    expect(visitor.find("#train-status .run-card .badge")).to_have_text(status, timeout=90_000)


def ranges(visitor: Visitor) -> list[list[float]]:
    """What the axes of the curves show."""
    layout = "document.querySelector('#train-curves .plot')._fullLayout"
    return list(visitor.page.evaluate(f"[[...{layout}.xaxis.range], [...{layout}.yaxis.range]]"))


def zoom(visitor: Visitor) -> None:
    """Draw a box in the curves, as a person does."""
    before = ranges(visitor)
    visitor.find("#train-curves .plot").scroll_into_view_if_needed()
    area = visitor.find("#train-curves .plot .nsewdrag").first.bounding_box()
    assert area is not None
    mouse = visitor.page.mouse
    mouse.move(area["x"] + 0.1 * area["width"], area["y"] + 0.2 * area["height"])
    mouse.down()
    mouse.move(area["x"] + 0.6 * area["width"], area["y"] + 0.8 * area["height"], steps=5)
    mouse.up()
    assert ranges(visitor) != before


def start(visitor: Visitor) -> str:
    """Press the button; the id of the run that began."""
    visitor.find("#train-start").click()
    visitor.page.wait_for_function("location.search.includes('run=')", timeout=30_000)
    return run_id(visitor)


@contextmanager
def a_late_look(visitor: Visitor) -> Iterator[None]:
    """The page's next look at its run is answered only after what happens meanwhile."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if held or "revision" not in (route.request.post_data or ""):
            route.continue_()
        else:
            held.append(route)

    visitor.page.route("**/run/predict*", hold)
    while not held:
        visitor.next_frame()
    yield
    held[0].continue_()
    visitor.page.unroute("**/run/predict*", hold)


# ---------------------------------------------------------------- before


@pytest.mark.slow
def test_where_nothing_was_trained_the_page_says_how(visit: Visit) -> None:
    visitor = visit("/?tab=runs")
    expect(visitor.find("#runs-none")).to_contain_text("No runs yet. Train one in two minutes")
    visitor.find("#runs-none a").click()
    visitor.wait_for_query("tab=train", "model=resnet20", "data=digits")
    expect(visitor.find("#train-data input")).to_have_value("Digits")
    expect(visitor.find("#train-net")).to_contain_text("ResNet-20")


def test_the_data_is_seen_before_anything_is_trained(visit: Visit) -> None:
    visitor = visit("/?tab=train&model=resnet20&data=digits")
    expect(visitor.find("#train-sheet figure")).to_have_count(10, timeout=60_000)
    counts = [re.findall(r"\d+", words) for words in visitor.find("#train-sheet figcaption span").all_inner_texts()]
    assert sum(int(train) + int(test) for train, test in counts) == 1797  # all digits of scikit-learn
    assert "10 classes · 1 438 pictures to learn from, 359 to test on" in visitor.words("#train-about")
    assert "input channels 1, not 3" in visitor.words("#train-net")
    visitor.choose("train-data", "Faces")
    visitor.wait_for_query("data=faces")
    expect(visitor.find("#train-sheet figure")).to_have_count(2, timeout=60_000)
    assert "classes 2, not 10" in visitor.words("#train-net")


@pytest.mark.slow
def test_what_has_to_be_downloaded_says_so_and_does_not_start(visit: Visit) -> None:
    visitor = visit("/?tab=train&model=resnet20")
    visitor.choose("train-data", "CIFAR-10 · download 170 MB")
    expect(visitor.find("#train-sheet")).to_contain_text("The download is 170 MB")
    expect(visitor.find("#train-fetch")).to_be_visible()
    visitor.find("#train-start").click()
    expect(visitor.find("#train-start-problem [role=alert]")).to_contain_text("download it first")


@pytest.mark.slow
def test_figures_are_the_recipes_until_they_are_changed(visit: Visit) -> None:
    visitor = visit("/?tab=train&model=resnet20&data=digits")
    expect(visitor.find("#train-epochs input")).to_have_value("10")
    visitor.type_into("train-epochs", "3")
    visitor.wait_for_query("t.epochs=3")
    visitor.find("#train-source summary").click()
    expect(visitor.find("#train-source")).to_contain_text("epochs is 3; the recipe has 10.")
    visitor.choose("train-recipe", "ResNet's paper, CIFAR-10")
    visitor.wait_for_query("recipe=resnet-cifar")
    expect(visitor.find("#train-iterations input")).to_have_value("64000")
    expect(visitor.find("#train-source .source")).to_contain_text("section 4.2")
    visitor.type_into("train-lr", "fast")
    expect(visitor.find("#train-figures-problem [role=alert]")).to_contain_text("lr='fast' is not possible")
    expect(visitor.find("#train-forecast .time")).to_contain_text("About", timeout=60_000)


def make_flowers(folder: Path) -> Path:
    """Two classes of grey pictures, dark and bright, of which one file is broken."""
    for name, shade in (("어두움", 40), ("bright", 210)):
        (folder / name).mkdir(parents=True)
        for number in range(15):
            Image.effect_noise((12, 12), 20).point(lambda value, shade=shade: value // 4 + shade).save(
                folder / name / f"{number}.png"
            )
    (folder / "bright" / "0.png").write_text("no picture", encoding="utf-8")
    return folder


@pytest.mark.slow
def test_pictures_of_ones_own_as_a_zip_or_a_folder(visit: Visit, tmp_path: Path) -> None:
    flowers = make_flowers(tmp_path / "flowers")
    shutil.make_archive(str(tmp_path / "my flowers"), "zip", flowers)
    visitor = visit("/?tab=train&model=resnet8&width=0.25&t.epochs=1&t.batch_size=8")
    expect(visitor.find("#train-sheet figure")).not_to_have_count(0, timeout=60_000)
    with visitor.page.expect_file_chooser() as chooser:
        visitor.find("#train-upload").click()
    chooser.value.set_files(str(tmp_path / "my flowers.zip"))
    visitor.page.wait_for_function("location.search.includes('data=')", timeout=60_000)
    expect(visitor.find("#train-sheet figure")).to_have_count(2, timeout=60_000)
    expect(visitor.find("#train-sheet")).to_contain_text("어두움")
    expect(visitor.find("#train-sheet details summary")).to_have_text("Files that could not be read: 1")
    expect(visitor.find("#train-net")).to_contain_text("classes 2, not 10")
    expect(visitor.find("#train-data input")).to_have_value(re.compile(r"^Your own: my flowers-[0-9a-f]{12}\.zip$"))
    start(visitor)
    wait_for_status(visitor, "finished")
    expect(visitor.find("#train-status .what")).to_contain_text("my flowers")
    visitor.type_into("train-data", str(flowers))
    visitor.wait_for_query(f"data={quote(str(flowers), safe='')}")
    expect(visitor.find("#train-about")).to_contain_text("2 classes", timeout=60_000)
    visitor.type_into("train-data", str(tmp_path / "nowhere"))
    expect(visitor.find("#train-sheet-problem [role=alert]")).to_contain_text("nowhere")
    visitor.quiet(streams=True)


# ---------------------------------------------------------------- while it learns


def test_a_training_is_started_watched_left_found_again_stopped_and_gone_on_with(visit: Visit, home: Path) -> None:
    visitor = visit(f"/?tab=train&{LONG}")
    run = start(visitor)
    wait_for_status(visitor, "training")
    wait_for_points(visitor, 2, trace=2)
    expect(visitor.find("#train-status .progress")).to_contain_text(
        re.compile(r"images/s · .+ left · epoch \d+ of 2000")
    )
    assert "the training error is" in visitor.caption("train-curves")

    # The curve grows in place: the drawing stays, and so does what was zoomed to.
    zoom(visitor)
    zoomed = ranges(visitor)
    visitor.page.evaluate("window.drawing = document.querySelector('#train-curves .main-svg')")
    drawn = points(visitor)
    wait_for_points(visitor, drawn + 5)
    assert ranges(visitor) == zoomed
    assert visitor.page.evaluate("window.drawing === document.querySelector('#train-curves .main-svg')")

    # Another tab of the page and back; a reload; a second window that knows nothing but who is there.
    visitor.open_tab("architecture")
    visitor.open_tab("train")
    assert run_id(visitor) == run
    visitor.reload()
    wait_for_status(visitor, "training")
    wait_for_points(visitor, drawn + 5)
    visitor.quiet(streams=True)
    visitor.page.goto(f"{visitor.url}/?tab=train")
    visitor.settled()
    wait_for_points(visitor, drawn + 5)
    assert "resnet8" in visitor.words("#train-status h3")

    # The address does not name the run yet: what is asked with it finds nothing any more once the run has stopped.
    with a_late_look(visitor):
        visitor.find("#train-stop").click()
        visitor.wait_for_query(f"run={run}")
        while store(home).get(run).status != "stopped":
            visitor.next_frame()
    wait_for_status(visitor, "stopped")
    expect(visitor.find("#train-status")).to_contain_text("it can go on from there")
    expect(visitor.find("#train-stop")).to_be_hidden()
    stopped = points(visitor, 2)
    visitor.find("#train-resume").click()
    wait_for_status(visitor, "training")
    wait_for_points(visitor, stopped + 2, trace=2)
    visitor.find("#train-stop").click()
    wait_for_status(visitor, "stopped")


@pytest.mark.slow
def test_two_people_start_at_once_and_each_sees_their_own(visit: Visit) -> None:
    one, two = visit(f"/?tab=train&{LONG}"), visit(f"/?tab=train&{LONG}&t.seed=1")
    one.find("#train-start").click()
    two.find("#train-start").click()
    for visitor in (one, two):
        visitor.page.wait_for_function("location.search.includes('run=')", timeout=30_000)
    assert run_id(one) != run_id(two)
    statuses = set()
    for visitor, other in ((one, two), (two, one)):
        expect(visitor.find("#train-status .run-card .badge")).to_have_text(re.compile("training|waiting"))
        expect(visitor.find("#train-status .others a")).to_have_attribute("href", re.compile(run_id(other)))
        statuses.add(visitor.words("#train-status .run-card .badge"))
    assert statuses == {"training", "waiting"}
    first, second = (one, two) if one.words("#train-status .run-card .badge") == "training" else (two, one)
    expect(second.find("#train-status .run-card .progress")).to_contain_text("Runs before it: 1.")
    # Whoever comes without a link finds their own, and to go to the other's is a click.
    second.page.goto(f"{second.url}/?tab=train")
    second.settled()
    name = first.words("#train-status h3")
    expect(second.find("#train-status .run-card .badge")).to_have_text("waiting")
    second.find("#train-status .others a").click()
    expect(second.find("#train-status h3")).to_have_text(name)
    # The first is stopped: it is the second's turn.
    second.page.go_back()
    expect(second.find("#train-status h3")).not_to_have_text(name)
    first.find("#train-stop").click()
    wait_for_status(first, "stopped")
    wait_for_status(second, "training")
    second.find("#train-stop").click()
    wait_for_status(second, "stopped")


# ---------------------------------------------------------------- after


@pytest.fixture(scope="module")
def trained(home: Path, app_url: str) -> list[str]:
    """Names of two short runs that differ in their shortcuts."""
    names = []
    for arch in ("resnet8", "plain8"):
        model = ModelConfig(arch, width=0.25, image_size=8, in_channels=1)
        run = store(home).create(model, TrainConfig("digits", subset=20, epochs=2), name=f"{arch} <1>")
        run_here(store(home), run.run_id)
        names.append(run.name)
    return names


def tick(visitor: Visitor, name: str) -> None:
    visitor.find("#runs-table").get_by_label(f"pick {name}").click()
    visitor.quiet()


def test_runs_are_sorted_picked_and_compared(visit: Visit, trained: list[str]) -> None:
    visitor = visit("/?tab=runs")
    rows = visitor.find("#runs-table tbody tr")
    expect(rows.filter(has_text=trained[0])).to_have_count(1)
    visitor.find("#runs-table").get_by_role("button", name="net").click()
    nets = visitor.find("#runs-table tbody tr td:nth-child(3)").all_inner_texts()
    assert nets == sorted(nets)
    assert len(nets) >= 2
    for name in trained:
        tick(visitor, name)
    expect(visitor.find("#runs-curves figcaption")).to_contain_text("Test error after the last epoch, lowest first:")
    for name in trained:
        assert name in visitor.caption("runs-curves")
    differences = visitor.find("#runs-differences tbody th")
    expect(differences.first).to_have_text("net")
    assert "Shortcuts" in differences.all_inner_texts()
    assert "data" not in differences.all_inner_texts()  # the same for both
    assert "Digits" in visitor.words("#runs-differences .hint")
    # The link holds what is picked.
    visitor.reload()
    expect(visitor.find("#runs-table tr.picked")).to_have_count(2)
    assert trained[1] in visitor.caption("runs-curves")


def test_weights_are_kept_and_runs_deleted_only_when_one_is_sure(
    visit: Visit, trained: list[str], home: Path, tmp_path: Path
) -> None:
    from explorer.training.start import trained_net

    visitor = visit("/?tab=runs")
    tick(visitor, trained[1])
    expect(visitor.find("#runs-curves figcaption")).to_contain_text("After 2 epochs")
    with visitor.page.expect_download() as waiting:
        visitor.find("#runs-weights").click()
    assert waiting.value.suggested_filename == "plain8_1_.zip"
    with zipfile.ZipFile(waiting.value.path()) as packed:
        packed.extractall(tmp_path)
    config, tensors, _ = trained_net(tmp_path / "plain8_1_.safetensors")
    assert config.arch == "plain8"
    assert len(tensors) > 20

    visitor.find("#runs-delete").click()
    dialog = visitor.find("dialog.sure")
    expect(dialog).to_contain_text(f"Delete {trained[1]} with curves and weights?")
    dialog.get_by_role("button", name="Keep").click()
    visitor.quiet()
    assert trained[1] in [run.name for run in store(home).list()]
    visitor.find("#runs-delete").click()
    visitor.find("dialog.sure").get_by_role("button", name="Delete").click()
    expect(visitor.find("#runs-table tbody tr").filter(has_text=trained[1])).to_have_count(0)
    assert trained[1] not in [run.name for run in store(home).list()]


@pytest.mark.parametrize("tab", ["train", "runs"])
def test_a_phone_never_scrolls_sideways(visit: Visit, trained: list[str], home: Path, tab: str) -> None:
    run = store(home).get(trained[0]).run_id
    query = f"/?tab={tab}&{TINY}&run={run}&runs={run}"
    visitor = visit(query, viewport=PHONE, has_touch=True, is_mobile=True)
    visitor.drawn("train-curves" if tab == "train" else "runs-curves")
    sizes = visitor.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert sizes[0] <= sizes[1]
