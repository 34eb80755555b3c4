"""Options that several verbs share, and options made from a configuration class."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from gliner_adapters import runtimes
from gliner_adapters.corpora import Corpus, load_corpus, user_corpus
from gliner_adapters.embedded_names import embedded_bases
from gliner_adapters.errors import ConfigError
from gliner_adapters.storage import write_json

BaseName = Annotated[
    str,
    typer.Option(
        "--base",
        help=f"{' or '.join(f'`{name}`' for name in embedded_bases())}; a GLiNER's hub id or folder; or "
        "`encoder:minilm`, `encoder:mpnet` / `encoder:DIR` for fresh heads on a plain encoder.",
    ),
]
Architecture = Annotated[
    Literal["bi", "uni"], typer.Option(help="For `encoder:` bases: labels in an encoder of their own, or in the text.")
]
Revision = Annotated[str | None, typer.Option(help="The hub's branch, tag or commit of the base.")]
AllowPickle = Annotated[bool, typer.Option("--allow-pickle", help="Accept pickled weights. Only from who you trust.")]
DataDir = Annotated[Path | None, typer.Option(help="Where corpora lie; else GLINER_ADAPTERS_DATA, else the cache.")]
CorpusName = Annotated[str | None, typer.Option("--corpus", help="A name of `corpora list`, or a folder of splits.")]
TrainFile = Annotated[Path | None, typer.Option("--train", help="Your own training file, in any readable format.")]
DevelFile = Annotated[Path | None, typer.Option("--devel", help="Your own development file.")]
TestFile = Annotated[Path | None, typer.Option("--test", help="Your own test file.")]
Precision = Annotated[Literal["fp32", "bf16"], typer.Option(help="Arithmetic: exact, or faster.")]
Runtime = Annotated[runtimes.Runtime, typer.Option(help="What runs the text encoder; see docs/runtimes.md.")]
Segment = Annotated[
    Literal["sentence", "window"] | None,
    typer.Option(help="Read by sentence or by window; else as adapters were trained and bases pretrained."),
]
Device = Annotated[str, typer.Option(help="Where to compute: cpu, cuda, cuda:1, mps.")]
Columns = Annotated[
    str | None,
    typer.Option(help="Columns of a table or of tagged words, parted by commas; see docs/data.md.", metavar="NAME,..."),
]
TagNames = Annotated[
    str | None,
    typer.Option(help="Names of tags that the file gives as numbers, from 0 on, parted by commas.", metavar="TAG,..."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]

Function = TypeVar("Function", bound=Callable[..., Any])


def find_corpus(
    name: str | None,
    train: Path | None,
    devel: Path | None,
    test: Path | None,
    data_dir: Path | None,
    columns: str | None = None,
    tag_names: str | None = None,
) -> Corpus:
    """The corpus that the options name.

    Raises:
        ConfigError: none, or two, are named; or columns of files that take none.
    """
    names = named(columns, tag_names)
    own = train or devel or test
    if name and own:
        raise ConfigError("give --corpus or your own files (--train, --devel, --test), not both")
    if name:
        return load_corpus(name, data_dir=data_dir, **names)
    if own:
        return user_corpus(train, devel, test, **names)
    raise ConfigError("which data? Give --corpus NAME, or your own files with --train, --devel, --test")


class Named(TypedDict):
    """What readers are told of a file's columns and tags."""

    columns: tuple[str, ...]
    tag_names: tuple[str, ...]


def named(columns: str | None, tag_names: str | None) -> Named:
    """The options ``--columns`` and ``--tag-names`` as readers take them."""
    return {"columns": split_names(columns, "--columns"), "tag_names": split_names(tag_names, "--tag-names")}


def split_names(value: str | None, what: str) -> tuple[str, ...]:
    """The names that an option gives, parted by commas; none if it is left out.

    Raises:
        ConfigError: a name is empty.
    """
    if value is None:
        return ()
    names = tuple(name.strip() for name in value.split(","))
    if not all(names):
        raise ConfigError(f"{what}: expected names parted by commas, got {value!r}")
    return names


def with_config(kind: type[BaseModel]) -> Callable[[Function], Callable[..., Any]]:
    """Give a command an option for each field of a configuration class.

    The command receives the validated configuration as ``config``. Names, types, defaults and help are the
    fields' own, so the class is the one place where they are written. A dictionary of numbers becomes a
    repeatable ``NAME=NUMBER``.
    """

    def decorate(command: Function) -> Callable[..., Any]:
        own = inspect.signature(command, eval_str=True)
        parameters = [p for p in own.parameters.values() if p.name != "config"]
        parameters += [_option(name, kind) for name in kind.model_fields]

        def run(**values: Any) -> Any:
            chosen = {name: values.pop(name) for name in kind.model_fields}
            return command(**values, config=_validated(kind, chosen))

        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate


def _option(name: str, kind: type[BaseModel]) -> inspect.Parameter:
    """The command-line option of one field."""
    field = kind.model_fields[name]
    default = field.get_default(call_default_factory=True)
    annotation: Any = field.annotation
    flags = []
    if _takes_pairs(name, kind):
        annotation, default, flags = list[str], [], [_flag(name, kind)]
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[annotation, typer.Option(*flags, help=field.description)],
    )


def _takes_pairs(name: str, kind: type[BaseModel]) -> bool:
    """Whether a field is a dictionary, given as pairs."""
    return isinstance(kind.model_fields[name].get_default(call_default_factory=True), dict)


def _flag(name: str, kind: type[BaseModel]) -> str:
    """How a field is called on the command line; of pairs one is given at a time, so their name is singular."""
    return "--" + (name.removesuffix("s") if _takes_pairs(name, kind) else name).replace("_", "-")


def _validated(kind: type[BaseModel], values: dict[str, Any]) -> BaseModel:
    for name, value in values.items():
        if _takes_pairs(name, kind):
            values[name] = parse_pairs(value, _flag(name, kind))
    try:
        return kind(**values)
    except ValidationError as error:
        problems = [
            " ".join([_flag(str(e["loc"][0]), kind), *map(str, e["loc"][1:])]) + f": {e['msg']}" for e in error.errors()
        ]
        raise ConfigError("; ".join(problems)) from None


def parse_pairs(pairs: list[str], what: str) -> dict[str, Any]:
    """``NAME=VALUE`` options; a value is JSON where it can be read so, else text.

    Raises:
        ConfigError: no equals sign, or a name given twice.
    """
    parsed: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ConfigError(f"{what}: expected NAME=VALUE, got {pair!r}")
        if name in parsed:
            raise ConfigError(f"{what}: {name} is given twice")
        try:
            parsed[name] = json.loads(value)
        except ValueError:
            parsed[name] = value
    return parsed


def write_result(path: Path | None, result: Mapping[str, Any]) -> None:
    """Write a result as JSON where ``--output`` asks for it."""
    if path is not None:
        write_json(path, result)
        typer.echo(f"wrote {path}", err=True)
