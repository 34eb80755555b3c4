"""Options that are made from a configuration class."""

from __future__ import annotations

import inspect
import re
from typing import Annotated, Literal

import pytest
import typer
from pydantic import BaseModel, Field
from typer.testing import CliRunner

from gliner_adapters.cli import options as o
from gliner_adapters.errors import ConfigError
from gliner_adapters.training import TrainingConfig

from .conftest import Cli

NAMES = {"learning_rates": "--learning-rate"}


def flag(field: str) -> str:
    return NAMES.get(field, f"--{field.replace('_', '-')}")


def plain(text: str) -> str:
    return " ".join(re.sub(r"[│╭╮╰╯─*]", " ", text).split())


def test_every_field_is_an_option_of_adapt_with_its_help(cli: Cli) -> None:
    shown = plain(cli("adapt", "--help").out)
    for name, field in TrainingConfig.model_fields.items():
        assert re.search(rf"{flag(name)}\b", shown), name
        assert field.description, f"{name} is not described"
    # Help of a wide option is broken over lines, next to its default.
    words = set(shown.split())
    for name, field in TrainingConfig.model_fields.items():
        missing = set((field.description or "").split()) - words
        assert not missing, f"{name}: {missing}"


class Settings(BaseModel):
    epochs: int = Field(3, ge=0, description="How often.")
    rates: dict[str, float] = Field(default_factory=dict, description="How fast.")
    kind: Literal["a", "b"] = Field("a", description="Which.")
    wait: int | None = Field(None, ge=1, description="How long.")
    keep: bool = Field(True, description="Whether.")


def application() -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @o.with_config(Settings)
    def command(name: Annotated[str, typer.Argument()], config: Settings, loud: bool = False) -> None:
        """Does it."""
        typer.echo(f"{name} {loud} {config.model_dump_json()}")

    return app


def run(*arguments: str) -> str:
    result = CliRunner().invoke(application(), list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output.strip()


def test_defaults_are_the_class_own() -> None:
    assert run("x") == f"x False {Settings().model_dump_json()}"


def test_values_reach_the_command() -> None:
    given = run(
        "x", "--loud", "--epochs", "7", "--rate", "a=1e-3", "--rate", "b=2", "--kind", "b", "--wait", "4", "--no-keep"
    )
    expected = Settings(epochs=7, rates={"a": 1e-3, "b": 2.0}, kind="b", wait=4, keep=False)
    assert given == f"x True {expected.model_dump_json()}"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--epochs", "-1"], "--epochs: Input should be greater than or equal to 0"),
        (["--wait", "0"], "--wait: Input should be greater than or equal to 1"),
        (["--rate", "a=fast"], "--rate.*a.*: Input should be a valid number"),
        (["--rate", "a"], r"--rate: expected NAME=VALUE, got 'a'"),
        (["--rate", "=1"], r"--rate: expected NAME=VALUE, got '=1'"),
        (["--rate", "a=1", "--rate", "a=2"], "--rate: a is given twice"),
        (["--epochs", "-1", "--wait", "0"], "--epochs.*; --wait"),
    ],
)
def test_values_are_validated(arguments: list[str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        run("x", *arguments)


@pytest.mark.parametrize("arguments", [["--kind", "c"], ["--epochs", "many"], ["--unknown", "1"]])
def test_what_the_parser_itself_refuses(arguments: list[str]) -> None:
    assert CliRunner().invoke(application(), ["x", *arguments]).exit_code == 2


def test_the_command_keeps_its_name_and_help() -> None:
    help_text = CliRunner().invoke(application(), ["--help"]).output
    assert "Does it." in help_text
    for description in ("How often.", "How fast.", "Which.", "How long.", "Whether."):
        assert description in help_text
    assert "config" not in help_text.lower().replace("configuration", "")


def test_a_command_may_not_have_an_option_twice() -> None:
    """`with_config` would silently hide one of two that are called the same."""
    from gliner_adapters.cli.adapt import adapt

    names = list(inspect.signature(adapt).parameters)
    assert len(names) == len(set(names))
    assert set(TrainingConfig.model_fields) < set(names)
    assert "config" not in names


@pytest.mark.parametrize(
    ("pairs", "parsed"),
    [
        ([], {}),
        (["a=1", "b=1.5", "c=true", "d=null", 'e="1"', "f=text", "g=[1, 2]", "h="],
         {"a": 1, "b": 1.5, "c": True, "d": None, "e": "1", "f": "text", "g": [1, 2], "h": ""}),
        (["a=b=c"], {"a": "b=c"}),
    ],
)  # fmt: skip
def test_pairs(pairs: list[str], parsed: dict[str, object]) -> None:
    assert o.parse_pairs(pairs, "--option") == parsed
