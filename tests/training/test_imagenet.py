"""torchvision's ImageNet weights: fetched from a server of our own, put there by hand, others refused."""

from __future__ import annotations

import hashlib
import http.server
import io
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torchvision.models

import explorer
from explorer import cli
from explorer.catalog import entries
from explorer.errors import CheckpointError, ConfigError, ExplorerError, UnknownNameError
from explorer.language import strings
from explorer.training import imagenet
from explorer.training.imagenet import fetch_imagenet, imagenet_file, imagenet_of, imagenet_pictures, imagenet_weights

RESNET18 = torchvision.models.ResNet18_Weights.IMAGENET1K_V1


class Server(http.server.ThreadingHTTPServer):
    """Serves one file; `cut` bytes of it are not sent, `code` is answered instead."""

    content = b""
    cut = 0
    code = 0
    asked: list[str]


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.code:
            self.send_error(self.server.code)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content[: len(self.server.content) - self.server.cut])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    running = Server(("127.0.0.1", 0), Handler)
    running.asked = []
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "weights"


def offer(content: bytes, server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let torchvision say that resnet18's weights are `content` and lie on our server; returns the file's name."""
    name = f"resnet18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    server.content = content
    monkeypatch.setattr(RESNET18.value, "url", f"http://127.0.0.1:{server.server_port}/models/{name}")
    monkeypatch.setitem(RESNET18.value.meta, "_file_size", len(content) / 2**20)
    return name


def left_behind(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*")) if folder.exists() else []


# ---------------------------------------------------------------- which files


def test_the_nets_are_those_that_torchvision_has_weights_of() -> None:
    listed = [weights.net for weights in imagenet_weights()]
    vggs = [f"vgg_{letter}{bn}" for bn in ("", "_bn") for letter in "abde"]
    resnets = [f"resnet{depth}" for depth in (18, 34, 50, 101, 152)]
    assert listed == [*vggs, *resnets, "wide_resnet50_2", "resnext50_32x4d"]
    assert listed == [entry.name for entry in entries() if entry.name in listed]


def test_names_addresses_and_sizes_are_torchvisions() -> None:
    by_name = {weights.net: weights for weights in imagenet_weights()}
    assert by_name["resnet18"].file == "resnet18-f37072fd.pth"
    assert by_name["resnet18"].sha256 == "f37072fd"
    assert by_name["vgg_d_bn"].file == "vgg16_bn-6c64b313.pth"
    assert by_name["resnet50"].url == torchvision.models.ResNet50_Weights.IMAGENET1K_V1.url
    for weights in by_name.values():
        assert weights.url.endswith(f"/{weights.file}")
        assert not weights.there
        # A size is that of the net's parameters, in single precision (Wide ResNet: in half), and little more.
        values = sum(p.numel() for p in explorer.create_model(weights.net, device="meta").parameters())
        width = 2 if weights.net == "wide_resnet50_2" else 4
        assert weights.size_bytes == pytest.approx(width * values, rel=0.01)


def test_what_the_weights_expect_is_torchvisions() -> None:
    pictures = imagenet_pictures("resnet18")
    assert len(pictures.classes) == 1000
    assert (pictures.classes[0], pictures.image_size) == ("tench", 224)
    assert pictures.mean == (0.485, 0.456, 0.406)
    assert pictures.std == (0.229, 0.224, 0.225)


def test_a_net_without_weights_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"no ImageNet weights of plain34: vgg_a, .*resnet18, .* have some"):
        fetch_imagenet("plain34")
    with pytest.raises(CheckpointError, match="no ImageNet weights of alexnet"):  # torchvision's is another net
        explorer.load_backbone("alexnet", "imagenet")
    with pytest.raises(UnknownNameError, match="did you mean resnet18"):
        fetch_imagenet("resnet_18")


# ---------------------------------------------------------------- fetching


def test_what_is_fetched_is_there_and_not_fetched_again(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = offer(b"w" * 700_000, server, monkeypatch)
    told: list[tuple[float, str]] = []
    path = fetch_imagenet("resnet18", lambda share, what: told.append((share, what)))
    assert path == folder / name
    assert path.read_bytes() == server.content
    assert left_behind(folder) == [name]
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert told[0][1] == f"fetching {name}, 700 kB"
    assert told[-1] == (1.0, f"{name} is there")
    assert fetch_imagenet("resnet18") == imagenet_file("resnet18") == path
    assert server.asked == [f"/models/{name}"]
    assert imagenet_of("resnet18").there


def test_another_file_is_refused_and_nothing_is_left(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = offer(b"w" * 1000, server, monkeypatch)
    server.content = b"v" * 1000
    with pytest.raises(CheckpointError, match=rf"{name} cannot be fetched: 127\.0\.0\.1 sent something else") as caught:
        fetch_imagenet("resnet18")
    assert left_behind(folder) == []
    assert caught.value.key == "imagenet_arrived"
    server.content, server.cut = b"w" * 1000, 10
    with pytest.raises(CheckpointError, match=r"hung up after 990 B of 1\.0 kB|cannot be reached"):
        fetch_imagenet("resnet18")
    assert left_behind(folder) == []
    server.code = 403
    with pytest.raises(CheckpointError, match=r"answered with 403 \(Forbidden\)"):
        fetch_imagenet("resnet18")
    assert left_behind(folder) == []


def test_without_a_network_it_is_said_which_file_belongs_where(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = offer(b"w", server, monkeypatch)
    server.shutdown()
    server.server_close()
    with pytest.raises(CheckpointError, match=r"127\.0\.0\.1 cannot be reached") as caught:
        fetch_imagenet("resnet18")
    assert f"fetch {RESNET18.url} on another machine and put it into {folder}." in str(caught.value)
    korean = strings("ko")["error.imagenet_network"].format(**caught.value.values)
    assert name in korean
    assert str(folder) in korean
    assert left_behind(folder) == []


def test_an_end_while_fetching_leaves_nothing(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(b"w" * 1000, server, monkeypatch)

    def stop(share: float, what: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_imagenet("resnet18", stop)
    assert left_behind(folder) == []


def test_a_full_disk_is_said(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = offer(b"w" * 1000, server, monkeypatch)
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr("explorer.training.storage.shutil.disk_usage", lambda _: usage)
    with pytest.raises(ExplorerError, match=rf"{name} needs 1\.0 kB on the disk, and 100 B are free"):
        fetch_imagenet("resnet18")
    assert server.asked == []


# ---------------------------------------------------------------- by hand


def test_a_file_put_there_by_hand_is_found(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = offer(b"by hand", server, monkeypatch)
    with pytest.raises(CheckpointError, match=rf"put {name} into {folder} \(from http") as caught:
        imagenet_file("resnet18")
    assert "explorer weights fetch resnet18 fetches about 7 B" in str(caught.value)
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"by hand")
    assert imagenet_file("resnet18") == fetch_imagenet("resnet18") == folder / name
    assert server.asked == []


def test_another_file_of_that_name_is_refused_and_replaced(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = offer(b"right", server, monkeypatch)
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"wrong")
    with pytest.raises(CheckpointError, match=rf"{name} in {folder} is not the file that its name says"):
        explorer.load_backbone("resnet18", "imagenet")
    fetch_imagenet("resnet18")
    assert (folder / name).read_bytes() == b"right"


# ---------------------------------------------------------------- used


@pytest.fixture(scope="module")
def theirs() -> torch.nn.Module:
    torch.manual_seed(0)
    return torchvision.models.resnet18().eval()


def test_fetched_weights_give_torchvisions_outputs(
    theirs: torch.nn.Module, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    torch.save(theirs.state_dict(), buffer)
    offer(buffer.getvalue(), server, monkeypatch)
    fetch_imagenet("resnet18")
    # A net for other data is asked for; what the weights come with is their own.
    backbone = explorer.load_backbone(explorer.ModelConfig("resnet18", num_classes=3, image_size=64), "imagenet")
    assert (backbone.source, backbone.dataset) == ("imagenet", "imagenet")
    assert (backbone.config.num_classes, backbone.config.image_size) == (1000, 224)
    assert backbone.classes[0] == "tench"
    assert (backbone.mean, backbone.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert (backbone.missing, backbone.unexpected, backbone.reshaped) == ((), (), ())
    pictures = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(backbone.model(pictures), theirs(pictures), rtol=1e-5, atol=1e-5)
    with pytest.raises(ConfigError, match=r"in_channels=1 is not possible .* imagenet: they are for in_channels=3"):
        explorer.load_backbone(explorer.ModelConfig("resnet18", in_channels=1), "imagenet")


def test_nothing_is_fetched_by_loading(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(b"w", server, monkeypatch)
    with pytest.raises(CheckpointError, match="explorer weights fetch resnet18"):
        explorer.load_backbone("resnet18", "imagenet")
    assert server.asked == []


@pytest.mark.parametrize(("net", "option"), [("resnet50", {"stride_on": "1x1"}), ("resnet18", {"shortcut": "C"})])
def test_another_function_of_the_same_weights_is_refused(net: str, option: dict[str, str]) -> None:
    """With the stride elsewhere all names and shapes are the same, and the outputs are others."""
    [(name, value)] = option.items()
    with pytest.raises(ConfigError, match=f"{name}={value} is not possible with the weights imagenet"):
        explorer.load_backbone(explorer.ModelConfig(net, **option), "imagenet")  # type: ignore[arg-type]


# ---------------------------------------------------------------- commands


def test_the_commands_say_size_and_address_before_they_fetch(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = offer(b"w" * 2000, server, monkeypatch)
    server.code = 503
    assert cli.main(["weights", "fetch", "resnet18"]) == 2
    said = capsys.readouterr().err
    assert said.index(f"{name}: about 2.0 kB from {RESNET18.url}") < said.index("Error: ")
    assert "answered with 503" in said
    server.code = 0
    assert cli.main(["weights", "fetch", "resnet18"]) == 0
    assert capsys.readouterr().out.strip() == str(folder / name)


def test_a_command_says_which_file_belongs_where(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = offer(b"by hand", server, monkeypatch)
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"by hand")
    assert cli.main(["weights", "where"]) == 0
    shown = capsys.readouterr().out
    lines = {line.split()[0]: line for line in shown.splitlines() if line.strip()}
    assert name in lines["resnet18"]
    assert lines["resnet18"].endswith("here")
    assert "resnet34-b627a593.pth" in lines["resnet34"]
    assert "87 MB" in lines["resnet34"]
    assert not lines["resnet34"].endswith("here")
    assert str(folder) in shown
    for format in ("csv", "json", "markdown"):
        assert cli.main(["weights", "where", "--format", format]) == 0
        assert RESNET18.url in capsys.readouterr().out or format == "markdown"


def test_the_list_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    imagenet_weights()
    monkeypatch.setattr(imagenet, "entries", lambda: pytest.fail("asked again"))
    assert len(imagenet_weights()) == 15
