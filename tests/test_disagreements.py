"""The cases: complete in both languages, counted by hand here, and a verdict that follows the count."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.resources import files
from operator import attrgetter
from typing import Any

import pytest

from explorer.analysis import disagreements as judging
from explorer.analysis.counting import Count, Figure, power, raised
from explorer.analysis.disagreements import ARITHMETIC, Judgement, judge, judgements
from explorer.app.sources import verdict
from explorer.errors import ConfigError, UnknownNameError
from explorer.language import LANGUAGES
from explorer.papers import all_figures
from explorer.papers.disagreements import Claim, Disagreement, Source, disagreements, read

CASES = disagreements().cases
COUNTED = [case for case in CASES if any(claim.figure for claim in case.claims)]
KEY = attrgetter("key")


def figures(key: str) -> dict[str, Figure]:
    count = judge(disagreements().case(key)).count
    assert count is not None
    return dict(count.figures)


def value(key: str, name: str) -> float:
    return figures(key)[name].value


def steps(key: str) -> list[str]:
    """The figures of a count, line by line, with ordinary spaces between the thousands."""
    count = judge(disagreements().case(key)).count
    assert count is not None
    return [step.figure.text.replace("\u202f", " ") for step in count.steps]


# ---------------------------------------------------------------- the data


@pytest.mark.parametrize("case", CASES, ids=KEY)
def test_a_case_is_complete_in_both_languages(case: Disagreement) -> None:
    assert len(case.claims) >= 2
    for language in LANGUAGES:
        assert case.question[language].endswith("?")
        assert all(words[language].endswith(".") or "{" in words[language] for words in case.verdict.values())
        for claim in case.claims:
            assert claim.says[language]
            assert claim.source.name[language]
            assert claim.source.citation
    assert case.question["en"] != case.question["ko"]
    assert re.search("[가-힣]", case.question["ko"])


@pytest.mark.parametrize("case", CASES, ids=KEY)
def test_every_name_leads_somewhere(case: Disagreement) -> None:
    judgement = judge(case)
    assert not case.arithmetic or case.arithmetic in ARITHMETIC
    assert (judgement.count is None) == (not case.arithmetic)
    if judgement.count is not None:
        assert {step.label for step in judgement.count.steps if step.named} == set(case.labels)
    for words in (*case.verdict.values(), case.lesson):
        for language in LANGUAGES:
            assert "{" not in words[language].format(**judgement.figures)
    assert judgement.outcome in case.verdict


def test_every_count_is_asked_for() -> None:
    assert {case.arithmetic for case in CASES if case.arithmetic} == set(ARITHMETIC)
    assert all(name == counter.__name__ for name, counter in ARITHMETIC.items())


def test_what_the_lecture_printed_is_what_the_published_figures_say() -> None:
    published = {(figure.quantity, figure.text) for figure in all_figures() if figure.paper.key == "lecture"}
    claimed = {
        (case.key, claim.text)
        for case in CASES
        for claim in case.claims
        if claim.source.key == "slides" and claim.printed and claim.unit
    }
    assert ("forward_values", "24 M") in published
    assert ("vgg_memory", "24 M") in claimed
    assert ("forward_bytes", "96 MB") in published
    assert ("vgg_memory", "96 MB") in claimed
    assert ("macs", "358 M") in published
    assert ("inception_macs", "358 M") in claimed


def test_the_data_is_read_without_torch() -> None:
    code = "import sys; from explorer.papers.disagreements import disagreements; disagreements()"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'torch' not in sys.modules"], check=True)


def broken(change: Callable[[dict[str, Any]], object]) -> str:
    data = json.loads((files("explorer.papers") / "data" / "disagreements.json").read_text(encoding="utf-8"))
    change(data)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data["cases"][0]["question"].pop("ko"), "vgg_memory: a text is not in en, ko"),
        (lambda data: data["cases"][0]["verdict"]["differs"].update(ko="{values}"), "different figures"),
        (lambda data: data["cases"][0]["claims"][0].update(source="nobody"), "unknown source 'nobody'"),
        (lambda data: data["cases"][0]["claims"][0].update(printed="many"), "'many' is no number"),
        (lambda data: data["cases"][0]["claims"][0].update(unit="GB"), "unit 'GB'"),
        (lambda data: data["cases"][0]["claims"][0].update(holds=False), "not judged beforehand"),
        (lambda data: data["cases"][0]["claims"].__delitem__(slice(1, None)), "takes two claims"),
        (lambda data: data["cases"][0].pop("arithmetic"), "does not name"),
        (lambda data: data["cases"][0].update(settled="rumour"), "settled='rumour'"),
        (lambda data: data["cases"][0].update(verdict={}), "no verdict"),
        (lambda data: data["cases"][0].update(colour="red"), r"unknown fields \['colour'\]"),
        (lambda data: data["cases"].append(data["cases"][-1]), "two have the same key"),
        (lambda data: data["cases"][1].update(topic="earlier"), "together|in this order"),
        (lambda data: data["sources"].update(extra={"name": {"en": "a", "ko": "b"}, "citation": "c"}), "not used"),
    ],
)
def test_incomplete_data_is_refused_with_its_place(change: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(broken(change))


def test_a_count_or_figure_that_there_is_not_is_said() -> None:
    case = disagreements().case("vgg_memory")
    with pytest.raises(UnknownNameError, match="vgg_memory"):
        judge(replace(case, arithmetic="vgg_memroy"))
    with pytest.raises(UnknownNameError, match="values"):
        judge(replace(case, claims=tuple(replace(claim, figure="valuse") for claim in case.claims)))


# ---------------------------------------------------------------- claims


@pytest.mark.parametrize(
    ("printed", "unit", "counted", "agrees"),
    [
        ("24", "M", 24_400_000, True),
        ("24", "M", 24_600_000, False),
        ("96", "MB", 95_600_000, True),
        ("0.0001", "", 1e-4, True),
        ("1e-5", "", 1e-4, False),
        ("1e-5", "", 1.04e-5, True),
        ("6.43", "%", 6.434, True),
        ("152", "", 150, False),
    ],
)
def test_a_printed_figure_is_compared_at_its_own_precision(
    printed: str, unit: str, counted: float, agrees: bool
) -> None:
    assert Claim(Source("s", {}, ""), {}, {}, printed=printed, unit=unit).agrees_with(counted) is agrees


def test_a_claim_in_words_has_bounds() -> None:
    claim = Claim(Source("s", {}, ""), {}, {}, at_least=2, at_most=5)
    assert [claim.agrees_with(counted) for counted in (1, 2, 5, 6)] == [False, True, True, False]


def test_powers_are_written_as_powers() -> None:
    assert power(618_462).text == "6 × 10⁵"
    assert power(1e-4).text == "10⁻⁴"
    assert raised(2, 10) == "2¹⁰"


# ---------------------------------------------------------------- the counts, by hand


def test_vgg_memory() -> None:
    stages = [
        2 * 64 * 224**2 + 64 * 112**2,
        2 * 128 * 112**2 + 128 * 56**2,
        3 * 256 * 56**2 + 256 * 28**2,
        3 * 512 * 28**2 + 512 * 14**2,
        3 * 512 * 14**2 + 512 * 7**2,
    ]
    values = 3 * 224**2 + sum(stages) + 4096 + 4096 + 1000
    assert values == 15_237_608
    assert value("vgg_memory", "bytes") == 4 * values == 60_950_432
    # A ReLU after each of the 13 convolutions and after two of the fully-connected layers.
    relus = 2 * 64 * 224**2 + 2 * 128 * 112**2 + 3 * 256 * 56**2 + 3 * 512 * 28**2 + 3 * 512 * 14**2 + 2 * 4096
    assert value("vgg_memory", "kept") == 4 * (values + relus) == 115_173_280
    assert steps("vgg_memory")[1:6] == [f"{stage:,}".replace(",", " ") for stage in stages]


def test_vgg_kernels_depth_and_channels() -> None:
    assert (value("vgg_kernels", "others"), value("vgg_kernels", "others_de")) == (3, 0)
    assert value("vgg_kernels", "convolutions") == 8 + 10 + 13 + 13 + 16
    assert figures("vgg_kernels")["nets"].text == "C"
    # E against D: 27.3 − 27.0, 26.9 − 26.8, 25.5 − 25.6
    assert steps("vgg_depth") == ["+0.3", "+0.1", "−0.1", "2"]
    assert (value("vgg_channels", "a_last"), value("vgg_channels", "first")) == (512, 64)


def test_vgg_init() -> None:
    inputs = [27, 576, 1152, 2304, 2304, 4608, 4608, 4608, 512 * 49, 4096, 4096]
    assert inputs == [9 * 3, 9 * 64, 9 * 128, 9 * 256, 9 * 256, 9 * 512, 9 * 512, 9 * 512, 512 * 49, 4096, 4096]
    square = math.prod(n * 0.01 for n in inputs) / 2**10
    assert value("vgg_init", "printed") == pytest.approx(math.sqrt(square), rel=1e-3)
    assert value("vgg_init", "printed") / value("vgg_init", "released") == pytest.approx(10 ** len(inputs))


def test_vgg_code() -> None:
    assert value("vgg_code", "features") == 256 * 28 * 28 == 200_704
    assert value("vgg_code", "taken") == 256 * 7 * 7 == 12_544
    assert value("vgg_code", "side") == 7 * 8
    assert value("vgg_code", "paper") == 512 * 7 * 7


def test_inception_module() -> None:
    area = 28 * 28
    terms = [128 * 256, 64 * 256, 192 * 9 * 64, 64 * 256, 96 * 25 * 64, 64 * 256]
    assert area * sum(terms) == 271_351_808 == value("inception_macs", "total")
    assert steps("inception_macs")[:6] == [f"{area * term:,}".replace(",", " ") for term in terms]
    assert value("inception_macs", "twice") == 271_351_808 + area * 192 * 9 * 64 == 358_055_936
    assert figures("inception_macs")["term"].text == "3 × 3"
    assert value("inception_macs", "naive") == area * 256 * (128 + 192 * 9 + 96 * 25) == 854_196_224


def test_no_term_is_said_to_be_counted_twice_where_that_explains_nothing() -> None:
    assert ARITHMETIC["inception_macs"]({"total": 300e6}).figures["term"].text == "–"


def test_googlenet() -> None:
    assert value("googlenet_params", "params") == 6_624_904
    assert value("googlenet_params", "ratio") == pytest.approx(60_965_224 / 6_624_904)
    assert figures("googlenet_params")["ratio"].text == "9.2"
    assert value("googlenet_params", "needed") == pytest.approx(60_965_224 / 12)
    assert value("googlenet_connected", "params") == 1024 * 1000 + 1000
    assert value("googlenet_connected", "depth") == 3 + 2 * 9 + 1
    # 6·6·256 values into 4096, 4096 and 1000.
    connected = 6 * 6 * 256 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000
    assert value("googlenet_connected", "alexnet") == pytest.approx(100 * connected / 60_965_224)


def test_resnet_depth_and_blocks() -> None:
    assert value("resnet_150", "inside") == 3 * (3 + 8 + 36 + 3) == 150
    assert value("resnet_150", "depth") == 152
    assert steps("resnet_150")[-2:] == ["50", "101"]
    assert (value("resnet_blocks", "shallow"), value("resnet_blocks", "deep")) == (2, 1)


def test_resnet_bottleneck() -> None:
    first, middle, last = 256 * 64, 9 * 64 * 64, 64 * 256
    assert value("resnet_1x1", "first") == pytest.approx(100 * first / (first + middle + last))
    assert value("resnet_1x1", "both") == pytest.approx(100 * (first + last) / (first + middle + last))
    assert value("resnet_1x1", "times") == (256 / 64) ** 2
    assert value("resnet_1x1", "net") == pytest.approx(51.83, abs=0.01)


def test_resnet_start() -> None:
    # Half of a normal distribution of variance 1 has a mean square of 1/2; batch norm makes the branch's 1.
    assert value("resnet_start", "ratio") == pytest.approx(1 / math.sqrt(1 / 2), rel=0.01)
    assert value("resnet_start", "silent") == 0


def test_resnet_published_figures() -> None:
    assert value("resnet_1202", "loss") == pytest.approx(7.93 - 6.43)
    assert figures("resnet_1202")["loss"].text == "1.50"
    assert value("resnet_1202", "times") == pytest.approx(19.4 / 1.7)
    assert value("resnet_1202", "depth") == 1202
    assert value("resnet_degradation", "plain") == pytest.approx(28.54 - 27.94)
    assert value("resnet_degradation", "resnet") == pytest.approx(25.03 - 27.88)
    assert value("resnet_test", "difference") == pytest.approx(24.52 - 21.84)


def test_resnet_training() -> None:
    # Each update takes 0.1 · 1e-4 of a weight away, ten times over with momentum 0.9: (1 − 1e-4)^6931 = 1/2.
    assert value("resnet_weight_decay", "paper_updates") == 6_931
    left = (1 - 1e-4) ** 6_931
    assert left == pytest.approx(0.5, abs=1e-3)
    assert value("resnet_weight_decay", "lecture_updates") == 69_315
    assert value("resnet_weight_decay", "decay") == 1e-4
    assert value("resnet_xavier", "ratio") == 1
    assert value("resnet_xavier", "he") == pytest.approx(math.sqrt(2 / (9 * 64)))
    assert value("resnet_xavier", "fade") == pytest.approx(0.5**34)


def test_lenet() -> None:
    c1, c3, c5, f6, output = 25 * 6 + 6, 25 * 6 * 16 + 16, 400 * 120 + 120, 120 * 84 + 84, 84 * 10 + 10
    assert value("lenet_layers", "three") == c1 + c3 + c5 + f6 + output == 61_706
    assert value("lenet_layers", "two") == c1 + c3 + c5 + 120 * 10 + 10 == 51_902
    assert value("lenet_layers", "paper") == 156 + 12 + 1_516 + 32 + 48_120 + 10_164 == 60_000


def test_alexnet_and_imagenet() -> None:
    assert (227 - 11) / 4 + 1 == 55
    assert (224 - 11) / 4 + 1 == 54.25
    assert steps("alexnet_input") == ["55", "54", "55", "227", "290 400"]
    assert value("alexnet_input", "neurons") == 55 * 55 * 96
    assert 55 * 48 * 96 == 253_440
    assert [figures("alexnet_ensemble")[name].text for name in ("whole", "five", "rest")] == ["2.8", "1.8", "1.0"]
    assert value("imagenet_size", "share") == pytest.approx(100 * 1.28 / 15)


# ---------------------------------------------------------------- the verdict follows the count


def test_who_is_right_today() -> None:
    held = {judgement.case.key: judgement.holds for judgement in judgements()}
    assert held["vgg_memory"] == (False, False, False)
    assert held["inception_macs"] == (False, False, True)
    assert held["resnet_weight_decay"] == (False, False, True)
    assert held["alexnet_input"] == (False, False, True, None)
    assert held["resnet_150"] == (False, True, True)
    assert held["resnet_colour"] == (True, True, False)
    assert held["resnet_1202"] == (False, False, True)
    assert held["googlenet_params"] == (False, False, False, True)
    outcomes = {judgement.case.key: judgement.outcome for judgement in judgements()}
    assert outcomes["resnet_xavier"] == "agrees"
    assert outcomes["resnet_degradation"] == "stated"
    assert {outcomes[case.key] for case in COUNTED} == {"differs", "agrees"}


def corrected(case: Disagreement) -> Disagreement:
    """The same case with claims that say what is counted."""
    counts = judge(case).count
    assert counts is not None
    claims = []
    for claim in case.claims:
        if claim.figure:
            counted = counts.figures[claim.figure].value
            claim = replace(claim, at_least=counted, at_most=counted)
        claims.append(claim)
    return replace(case, claims=tuple(claims))


@pytest.mark.parametrize("case", COUNTED, ids=KEY)
def test_sources_that_say_what_is_counted_agree(case: Disagreement) -> None:
    judgement = judge(corrected(case))
    assert judgement.outcome == "agrees"
    assert all(holds is not False for holds in judgement.holds)
    if "agrees" not in case.verdict:
        assert verdict(judgement, "en") != verdict(judge(case), "en")


@pytest.mark.parametrize("case", COUNTED, ids=KEY)
def test_the_verdict_flips_when_the_count_comes_out_otherwise(
    case: Disagreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = ARITHMETIC[case.arithmetic]
    claim = next(claim for claim in case.claims if claim.figure)
    before = judge(case)
    agreeable = claim.value if claim.printed else (claim.at_least if claim.at_least is not None else claim.at_most)
    assert agreeable is not None
    wanted = agreeable if not before.holds[case.claims.index(claim)] else agreeable + 1e12

    def bent(given: Mapping[str, float]) -> Count:
        count = honest(given)
        return Count(count.steps, {**count.figures, claim.figure: Figure(wanted, f"{wanted:g}")})

    monkeypatch.setattr(judging, "ARITHMETIC", {**ARITHMETIC, case.arithmetic: bent})
    after: Judgement = judge(case)
    at = case.claims.index(claim)
    assert after.holds[at] is not before.holds[at]


def test_the_words_of_a_verdict_carry_what_was_counted() -> None:
    memory = judge(disagreements().case("vgg_memory"))
    assert "15.24 M values, 61 MB" in verdict(memory, "en")
    assert "115 MB" in verdict(memory, "ko")
    assert verdict(judge(corrected(memory.case)), "en") == "The count bears out every one of these figures."
