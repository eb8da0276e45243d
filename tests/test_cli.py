"""The command line: what it prints, what it refuses, and what it does not import."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from explorer import ModelConfig, layer_table, list_models
from explorer.catalog import entries
from explorer.cli import main
from explorer.cli.options import _HELP
from explorer.config import OPTION_NAMES

Run = Any


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command in this process: exit code, stdout, stderr."""

    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return command


def output_of(run: Run, *arguments: str) -> str:
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    return str(out)


# ---------------------------------------------------------------- light commands


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["layers", "--help"], ["--version"], []], ids=str)
def test_what_has_to_be_instant_imports_neither_torch_nor_gradio_nor_pandas(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        "from explorer.cli import main\n"
        f"code = main({arguments!r})\n"
        "heavy = {'torch', 'torchvision', 'gradio', 'pandas', 'plotly', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_importing_explorer_is_light() -> None:
    script = "import sys, explorer, explorer.papers; sys.exit(bool({'torch', 'gradio'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_help_names_every_command_and_every_option(run: Run) -> None:
    text = output_of(run, "--help")
    for command in (
        "app",
        "list",
        "layers",
        "compare",
        "receptive-field",
        "train",
        "evaluate",
        "runs",
        "data",
        "lesson",
    ):
        assert f"  {command} " in text
    assert text == output_of(run)
    assert not any(line.endswith("...") for line in text.splitlines()[1:])  # no description cut short
    for command in ("layers", "compare", "receptive-field"):
        text = output_of(run, command, "--help")
        for name in OPTION_NAMES:
            assert f"--{name.replace('_', '-')}" in text
    assert set(_HELP) == set(OPTION_NAMES)


def test_version(run: Run) -> None:
    import explorer

    assert output_of(run, "--version") == f"explorer {explorer.__version__}\n"


def test_list_has_every_net_under_its_heading(run: Run) -> None:
    lines = output_of(run, "list").splitlines()
    names = [line.split()[0] for line in lines[2:] if line and line.split()[0] in list_models()]
    assert sorted(names) == sorted(list_models())
    headings = [line for line, before in zip(lines[1:], lines, strict=False) if before == ""]
    assert headings == list(dict.fromkeys(entry.group for entry in entries()))
    [vgg] = [line for line in lines if line.startswith("vgg_d ")]
    assert vgg.split() == ["vgg_d", "16", "VGG", "D", "vgg16"]


def test_list_filters_by_name_and_alias(run: Run) -> None:
    text = output_of(run, "list", "vgg16")
    assert "vgg_d " in text
    assert "vgg_d_bn" in text
    assert "vgg_a" not in text
    rows = json.loads(output_of(run, "list", "preact_resnet1", "--format", "json"))
    assert [row["name"] for row in rows] == [name for name in list_models() if "preact_resnet1" in name]
    assert output_of(run, "list", "resnet26").splitlines()[-1].split()[0] == "resnet26"


def test_list_in_other_formats(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(output_of(run, "list", "--format", "csv"))))
    assert [row["name"] for row in rows] == list_models()
    assert {row["name"]: row["aliases"] for row in rows}["vgg_d"] == "vgg16"
    assert output_of(run, "list", "vgg16", "--format", "markdown").startswith("| Name | Weight layers |")


# ---------------------------------------------------------------- layers


def test_layers_as_json_has_the_shape_that_is_promised(run: Run) -> None:
    data = json.loads(output_of(run, "layers", "resnet50", "--num-classes", "10", "--format", "json"))
    assert data["config"]["arch"] == "resnet50"
    assert data["config"]["num_classes"] == 10
    assert data["config"]["shortcut"] == "B"
    assert data["totals"]["params"] == 25_557_032 - 990 * 2049
    assert {"params", "macs", "activation_bytes"} <= set(data["totals"])
    keys = {"path", "op", "input_shape", "output_shape", "kernel", "stride", "padding", "params", "macs"}
    keys |= {"activation_bytes", "receptive_field"}
    for layer in data["layers"]:
        assert keys <= set(layer)
    conv = next(layer for layer in data["layers"] if layer["path"] == "conv1")
    assert conv["input_shape"] == [3, 224, 224]
    assert (conv["kernel"], conv["stride"], conv["padding"]) == (7, 2, 3)
    assert {"size": 7, "stride": 2, "offset": 0, "min_size": 7}.items() <= conv["receptive_field"].items()
    assert data["layers"][-1]["receptive_field"]["size"] is None
    assert sum(layer["macs"] for layer in data["layers"]) == data["totals"]["macs"]


def test_layers_as_csv_and_markdown(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(output_of(run, "layers", "vgg16", "--format", "csv"))))
    assert sum(int(row["params"]) for row in rows) == 138_357_544
    text = output_of(run, "layers", "vgg16", "--format", "markdown")
    assert text.splitlines()[1].startswith("| --- |")
    assert "138\u202f357\u202f544 parameters" in text


def test_layers_as_piped_text_are_complete_and_plain(run: Run) -> None:
    text = output_of(run, "layers", "resnet152")
    assert all(row.path in text for row in layer_table("resnet152").rows)
    assert "\x1b" not in text
    assert "…" not in text
    assert "60\u202f192\u202f808 parameters" in text


def test_layers_say_what_a_strategy_trains(run: Run) -> None:
    data = json.loads(output_of(run, "layers", "resnet20", "--strategy", "last", "--format", "json"))
    learns = {layer["path"].split(".")[0] for layer in data["layers"] if layer["trainable"]}
    assert learns == {"layer3", "fc"}
    assert data["config"]["arch"] == "resnet20"
    assert "Trainable" in output_of(run, "layers", "resnet20", "--strategy", "probe").splitlines()[0]
    code, _, error = run("layers", "resnet20", "--strategy", "some")
    assert code == 2
    assert "strategy='some' is not possible" in error


def test_layers_folded_name_the_blocks(run: Run) -> None:
    text = output_of(run, "layers", "resnet50", "--fold")
    assert text.count("CONV block (projection)") == 4
    assert text.count("ID block (identity)") == 12
    folded = json.loads(output_of(run, "layers", "resnet50", "--fold", "--format", "json"))
    assert folded["layers"][5]["block_kind"] == "projection"
    assert sum(row["params"] for row in folded["layers"]) == folded["totals"]["params"] == 25_557_032


@pytest.mark.parametrize(
    ("arguments", "config"),
    [
        (["resnet34", "--shortcut", "A"], ModelConfig("resnet34", shortcut="A")),
        (["resnet34:shortcut=A"], ModelConfig("resnet34", shortcut="A")),
        (["resnet34:shortcut=C,width=0.5"], ModelConfig("resnet34", shortcut="C", width=0.5)),
        (["vgg16", "--norm", "batch", "--head", "slim"], ModelConfig("vgg_d", norm="batch", head="slim")),
        (["resnet50", "--stride-on", "1x1", "--groups", "2"], ModelConfig("resnet50", stride_on="1x1", groups=2)),
        (["resnet50", "--base-width", "128"], ModelConfig("wide_resnet50_2").replace(arch="resnet50", base_width=128)),
        (["resnet20", "--preact"], ModelConfig("resnet20", preact=True)),
        (["resnet20", "--no-residual"], ModelConfig("resnet20", residual=False)),
        (["resnet20", "--squeeze-excitation"], ModelConfig("resnet20", squeeze_excitation=True)),
        (["resnet20", "--zero-init-last-bn"], ModelConfig("resnet20", zero_init_last_bn=True)),
        (["resnet20", "--init", "xavier", "--seed", "3"], ModelConfig("resnet20", init="xavier", seed=3)),
        (
            ["resnet20", "--image-size", "64", "--in-channels", "1", "--num-classes", "5", "--width", "2"],
            ModelConfig("resnet20", image_size=64, in_channels=1, num_classes=5, width=2),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_reach_the_configuration(run: Run, arguments: list[str], config: ModelConfig) -> None:
    data = json.loads(output_of(run, "layers", *arguments, "--format", "json"))
    assert data["config"] == {"arch": config.arch, **config.options()}
    assert data["totals"]["params"] == layer_table(config).totals.params


# ---------------------------------------------------------------- compare, receptive-field


def test_compare_shows_the_totals_and_the_options_that_differ(run: Run) -> None:
    lines = output_of(run, "compare", "plain34", "resnet34:shortcut=A").splitlines()
    assert lines[0].split() == ["plain34", "resnet34", "·", "shortcut", "A", "Ratio"]
    [parameters] = [line for line in lines if line.startswith("Parameters  ")]
    assert parameters.split("  ")[-1].strip() == "× 1"
    assert parameters.count("21\u202f623\u202f848") == 2
    assert any(line.startswith("residual") for line in lines)
    assert not any(line.startswith("num_classes") for line in lines)


def test_compare_in_other_formats(run: Run) -> None:
    data = json.loads(output_of(run, "compare", "vgg16", "resnet50", "--format", "json"))
    assert (data["a"]["arch"], data["b"]["arch"]) == ("vgg_d", "resnet50")
    quantities = {row["quantity"]: row for row in data["quantities"]}
    assert quantities["params"]["difference"] == 25_557_032 - 138_357_544
    rows = list(csv.DictReader(io.StringIO(output_of(run, "compare", "vgg16", "resnet50", "--format", "csv"))))
    assert len(rows) == len(quantities)
    assert output_of(run, "compare", "vgg16", "vgg19", "--format", "markdown").startswith(
        "|  | vgg_d | vgg_e | Ratio |"
    )


def test_compare_gives_its_options_to_both(run: Run) -> None:
    data = json.loads(output_of(run, "compare", "resnet18", "resnet34", "--width", "0.5", "--format", "json"))
    assert data["a"]["width"] == data["b"]["width"] == 0.5


def test_receptive_fields_of_all_layers(run: Run) -> None:
    rows = json.loads(output_of(run, "receptive-field", "vgg16", "--format", "json"))
    sizes = {row["path"]: row["rf_size"] for row in rows}
    assert sizes["features.30"] == 212
    assert sizes["classifier.0"] is None
    lines = output_of(run, "receptive-field", "vgg16").splitlines()
    assert "Receptive field (px)" in lines[0]
    assert any(line.startswith("classifier.0") and "global" in line for line in lines)


def test_the_receptive_field_of_one_layer_and_what_a_unit_sees(run: Run) -> None:
    text = output_of(run, "receptive-field", "vgg16", "--layer", "features.2", "--unit", "0,5")
    # Two 3x3: 5 pixels, the unit in the corner loses two of them in each direction.
    assert "receptive field  5 px" in text
    assert "sees             rows 0 to 2, columns 3 to 7 of 224 × 224 px" in text
    data = json.loads(
        output_of(run, "receptive-field", "vgg16", "--layer", "features.2", "--unit", "0,5", "--format", "json")
    )
    assert data["receptive_field"]["size"] == 5
    assert data["region"] == [0, 3, 3, 8]
    middle = json.loads(output_of(run, "receptive-field", "vgg16", "--layer", "features.2", "--format", "json"))
    assert middle["unit"] == [112, 112]
    assert "global" in output_of(run, "receptive-field", "vgg16", "--layer", "classifier.6")
    for format in ("csv", "markdown"):
        assert "5 px" in output_of(run, "receptive-field", "vgg16", "--layer", "features.2", "--format", format)


# ---------------------------------------------------------------- what is refused

BAD = [
    (["lst"], "list"),
    (["--verbos"], "--verbos"),
    (["list", "vgg_z"], "did you mean vgg_"),
    (["list", "--format", "xml"], "table, csv, json or markdown"),
    (["layers"], "NAME"),
    (["layers", "resnet35"], "resnet34"),
    (["layers", ""], "model"),
    (["layers", "vgg16", "vgg19"], "vgg19"),
    (["layers", "vgg16", "--format", "yaml"], "json"),
    (["layers", "vgg16", "--nrm", "none"], "--norm"),
    (["layers", "vgg16", "--norm", "layer"], "batch or none"),
    (["layers", "vgg16", "--norm"], "--norm"),
    (["layers", "vgg16", "--shortcut", "A"], "shortcut"),
    (["layers", "resnet18", "--shortcut", "D"], "A, B or C"),
    (["layers", "resnet18", "--stride-on", "5x5"], "3x3"),
    (["layers", "resnet18", "--init", "zeros"], "xavier"),
    (["layers", "resnet18", "--head", "slim"], "head"),
    (["layers", "plain18", "--shortcut", "A"], "plain"),
    (["layers", "resnet18", "--width", "wide"], "number"),
    (["layers", "resnet18", "--width", "0"], "width"),
    (["layers", "resnet18", "--width", "nan"], "width"),
    (["layers", "resnet18", "--width", "-1"], "width"),
    (["layers", "resnet50", "--groups", "0"], "groups"),
    (["layers", "resnet50", "--groups", "2.5"], "whole number"),
    (["layers", "resnet50", "--base-width", "none"], "whole number"),
    (["layers", "resnet18", "--image-size", "16"], "32 px"),
    (["layers", "resnet18", "--image-size", "99999999"], "16384"),
    (["layers", "resnet18", "--num-classes", "0"], "num_classes"),
    (["layers", "resnet18", "--in-channels", "-3"], "in_channels"),
    (["layers", "resnet18", "--seed", "x"], "whole number"),
    (["layers", "vgg16", "--preact"], "preact"),
    (["layers", "vgg16", "--no-residual"], "residual"),
    (["layers", "vgg16", "--squeeze-excitation"], "squeeze_excitation"),
    (["layers", "plain20", "--zero-init-last-bn"], "shortcuts"),
    (["layers", "resnet34:shortcut"], "option=value"),
    (["layers", "resnet34:shortcuts=A"], "shortcut"),
    (["layers", "resnet34:preact=maybe"], "true or false"),
    (["compare", "vgg16"], "B"),
    (["compare", "vgg16", "vgg_z"], "did you mean vgg_"),
    (["compare", "vgg16", "resnet18", "--shortcut", "A"], "vgg_d"),
    (["compare", "vgg16", "resnet18", "--format", "pdf"], "json"),
    (["receptive-field", "resnet81"], "resnet18"),
    (["receptive-field", "vgg16", "--layer", "feature.2"], "features.2"),
    (["receptive-field", "vgg16", "--layer", "features.2", "--unit", "224,0"], "223,223"),
    (["receptive-field", "vgg16", "--layer", "features.2", "--unit", "middle"], "ROW,COLUMN"),
    (["receptive-field", "vgg16", "--layer", "classifier.0", "--unit", "0,0"], "rows and columns"),
    (["receptive-field", "vgg16", "--unit", "0,0"], "--layer"),
    (["app", "--auth", "ada"], "USER:PASSWORD"),
    (["app", "--auth", ":secret"], "USER:PASSWORD"),
    (["app", "--language", "fr"], "en, ko or auto"),
    (["app", "--port", "0"], "65535"),
    (["app", "--port", "70000"], "65535"),
    (["app", "--port", "http"], "whole number"),
    (["app", "--port", "9" * 5000], "65535"),
    (["receptive-field", "vgg16", "--layer", "features.2", "--unit", "9" * 5000 + ",0"], "223,223"),
    (["app", "--share"], "--share"),
]


@pytest.mark.parametrize(
    ("arguments", "said"), BAD, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_bad_values_end_with_2_and_one_sentence(run: Run, arguments: list[str], said: str) -> None:
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("Error: ")
    assert err.count("\n") == 1
    assert said in err


def test_a_bad_value_leaves_no_traceback_in_a_real_process() -> None:
    command = [sys.executable, "-m", "explorer", "layers", "resnet34", "--shortcut", "Q"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: shortcut='Q' is not possible: use A, B or C.\n"


# ---------------------------------------------------------------- terminals and pipes


def test_output_survives_a_pipe_that_knows_no_unicode() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "explorer", "layers", "vgg16"]
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "64 × 224 × 224" in done.stdout.decode("utf-8")


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "explorer", "layers", "resnet1001", "--format", "csv"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 0


def in_terminal(columns: int, *arguments: str) -> str:
    """What a command writes into a pseudo-terminal of so many columns."""
    import pty

    primary, secondary = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen([sys.executable, "-m", "explorer", *arguments], stdout=secondary, env=environment)
    os.close(secondary)
    chunks = []
    while True:
        try:
            chunk = os.read(primary, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(primary)
    assert process.wait() == 0
    return b"".join(chunks).decode("utf-8")


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_terminal_gets_a_styled_table_with_rounded_numbers() -> None:
    text = in_terminal(140, "layers", "resnet20", "--fold")
    assert "\x1b[1m" in text
    assert "269.7 k parameters" in text
    assert "40.6 M MACs" in text
    assert "Not shown" not in text
    assert "× 1" in in_terminal(80, "compare", "resnet20", "plain20")


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_a_narrow_terminal_gets_fewer_columns_and_is_told_so() -> None:
    text = in_terminal(80, "layers", "vgg11")
    assert "Not shown, for want of width: Padding, Stride, Kernel" in text
    lines = re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()
    assert max(map(len, lines[: lines.index("")])) <= 80
    assert any(line.startswith("features.0 ") and "64 × 224 × 224" in line for line in lines)


# ---------------------------------------------------------------- the app


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the app was launched with; it is not really."""
    calls: list[dict[str, Any]] = []
    fake = ModuleType("explorer.app.main")
    fake.launch = lambda **arguments: calls.append(arguments)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "explorer.app", ModuleType("explorer.app"))
    monkeypatch.setitem(sys.modules, "explorer.app.main", fake)
    monkeypatch.delenv("EXPLORER_AUTH", raising=False)
    return calls


def test_the_app_listens_on_loopback_unless_told_otherwise(run: Run, launched: list[dict[str, Any]]) -> None:
    assert run("app") == (0, "", "")
    assert launched == [
        {"host": "127.0.0.1", "port": None, "auth": None, "language": "auto", "open_browser": True},
    ]


def test_the_apps_options_arrive(run: Run, launched: list[dict[str, Any]]) -> None:
    arguments = ["--host", "0.0.0.0", "--port", "8080", "--auth", "ada:a:b", "--language", "ko", "--no-browser"]
    assert run("app", *arguments) == (0, "", "")
    assert launched == [
        {"host": "0.0.0.0", "port": 8080, "auth": ("ada", "a:b"), "language": "ko", "open_browser": False},
    ]


def test_the_password_may_come_from_the_environment(
    run: Run, launched: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPLORER_AUTH", "ada:lovelace")
    assert run("app", "--host", "0.0.0.0")[0] == 0
    assert launched[0]["auth"] == ("ada", "lovelace")
    assert run("app", "--auth", "bob:x")[0] == 0
    assert launched[1]["auth"] == ("bob", "x")
    monkeypatch.setenv("EXPLORER_AUTH", "lovelace")
    code, out, err = run("app")
    assert (code, out) == (2, "")
    assert "lovelace" not in err
    assert len(launched) == 2


@pytest.mark.parametrize(
    ("host", "warns"),
    [
        ("127.0.0.1", False),
        ("127.0.0.2", False),
        ("localhost", False),
        ("::1", False),
        ("0.0.0.0", True),
        ("::", True),
        ("192.168.1.5", True),
        ("lab.example", True),
    ],
)
def test_beyond_loopback_without_a_password_it_warns(
    run: Run, launched: list[dict[str, Any]], host: str, warns: bool
) -> None:
    code, out, err = run("app", "--host", host)
    assert (code, out) == (0, "")
    assert err.startswith("Warning: ") is warns
    assert ("--auth" in err) is warns
    assert launched[0]["host"] == host


def test_without_gradio_it_says_what_to_install(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.cli.commands.find_spec", lambda name: None)
    code, out, err = run("app")
    assert (code, out) == (1, "")
    assert err == 'Error: The app needs Gradio: pip install "explorer[app]".\n'


def test_ctrl_c_ends_the_app_cleanly(run: Run, launched: list[dict[str, Any]]) -> None:
    def interrupted(**arguments: Any) -> None:
        raise KeyboardInterrupt

    sys.modules["explorer.app.main"].launch = interrupted  # type: ignore[attr-defined]
    assert run("app") == (0, "", "\n")


def test_the_installed_command_is_the_same_as_the_module() -> None:
    script = Path(sys.executable).with_name("explorer.exe" if os.name == "nt" else "explorer")
    if not script.exists():
        pytest.skip("explorer is not installed beside this Python: pip install -e .")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    module = subprocess.run([sys.executable, "-m", "explorer", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == module.stdout
