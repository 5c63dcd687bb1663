"""Closed and full streams, scripts and files that are no such thing: one message, an exit code, never a traceback."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.streams.cli.conftest import Command

BAD_FILES = {
    "no YAML": (b"a: [\n", "is no YAML"),
    "no text": (b"\xff\xfe", "is no YAML"),
    "a number": (b"5", "holds no names and values"),
    "a list as a name": (b"? [1]\n: 2\n", "is no YAML"),
    "a number as a name": (b"1: 2\n", "Unknown configuration 1"),
    "an alias within itself": (b"a: &a [*a]\n", "leads round in a circle"),
    "a mapping within itself": (b"a: &a {b: *a}\n", "leads round in a circle"),
    "code": (b'!!python/object/apply:os.system ["id"]\n', "is no YAML"),
    "a branch that is a leaf": (b"spring:\n  kafka: 5\n", "spring.kafka holds names and values, and not 5"),
    "a root that is a leaf": (b"spring: x\n", "spring holds names and values, and not 'x'"),
    "a list for a branch": (
        b"spring: {kafka: {streams: {properties: [1]}}}\n",
        "Unknown configuration spring.kafka.st",
    ),
    "a value of another type": (b"commit.interval.ms: [1]\n", "Invalid value [1] for configuration commit.interval.ms"),
    "a placeholder of nothing": (b"client.id: ${NOWHERE}\n", "has no value"),
}
BAD_SCRIPTS = {
    "no Python": (b"def x(:\n", "job.py:1  def x(:"),
    "no text": (b"\xff\xfe\x00x", "SyntaxError"),
    "no such encoding": (b"# -*- coding: nonesuch -*-\n", "unknown encoding"),
    "an import that fails": (b"import nothere\n", "No module named 'nothere'"),
    "a recursion without end": (b"def f(): f()\nf()\n", "RecursionError"),
    "no parameter": (b"def topology(): pass\n", "takes 0 positional arguments"),
    "async": (b"async def topology(b): pass\n", "topology() is `async def`"),
    "a generator": (b"def topology(b): yield b\n", "topology() has `yield` in it"),
    "no topology": (b"def topology(b): return 5\n", "returned a int"),
    "nothing to read": (b"def topology(b): pass\n", "Invalid topology: Topology has no stream threads"),
    "names of settings": (
        b"config = {5: 1}\ndef topology(b): b.stream('a').to('b')\n",
        "The name of a setting is text",
    ),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_a_file_of_settings_that_is_none(command: Command, tmp_path: Path, what: str) -> None:
    (tmp_path / "application.yaml").write_bytes(BAD_FILES[what][0])
    (tmp_path / "job.py").write_text("def topology(b): b.stream('a').to('b')\n", "utf-8")
    options = ("--application-id", "a", "--config-file", str(tmp_path / "application.yaml"))
    result = command("run", str(tmp_path / "job.py"), *options)
    assert (result.exit_code, result.exception.__class__) == (2, SystemExit), result.output
    assert BAD_FILES[what][1] in result.output


@pytest.mark.parametrize("what", BAD_SCRIPTS)
def test_a_script_that_is_none(command: Command, tmp_path: Path, what: str) -> None:
    (tmp_path / "job.py").write_bytes(BAD_SCRIPTS[what][0])
    result = command("run", str(tmp_path / "job.py"), "--application-id", "a")
    assert result.exit_code in (1, 2) and isinstance(result.exception, SystemExit), result.output
    assert BAD_SCRIPTS[what][1] in result.output
    assert len(result.output.splitlines()) < 30


def test_a_builder_may_be_given_back(command: Command, tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text(
        "from streams import StreamsBuilder\n"
        "def topology(given):\n    own = StreamsBuilder()\n    own.stream('a').to('b')\n    return own\n"
    )
    assert "Sink: KSTREAM-SINK" in command("topology", "describe", str(tmp_path / "job.py")).output


def test_one_address_of_the_bundled_engine(command: Command) -> None:
    for given in ("local:///tmp/a,local:///tmp/b", "memory://a,memory://b", "local://x,memory://a"):
        result = command("topics", "list", "--bootstrap-servers", given)
        assert result.exit_code == 2 and "give one local:// or memory:// address" in result.output


def shell(line: str, where: Path) -> tuple[int, str, str]:
    """What `streams-app` with these arguments and redirections comes to."""
    command = f"{sys.executable} -m streams.cli.main {line}"
    done = subprocess.run(["/bin/sh", "-c", command], cwd=where, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux's full device")
@pytest.mark.parametrize(
    "line", ["topology describe job.py", "topology graph job.py", "--help", "topics list -b memory://x"]
)
def test_a_full_disk_is_told(tmp_path: Path, line: str) -> None:
    (tmp_path / "job.py").write_text("def topology(b): b.stream('a').to('b')\n", "utf-8")
    assert shell(f"{line} > /dev/full", tmp_path) == (1, "", "streams-app: No space left on device\n")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("topology describe job.py >&-", ""),
        ("topics list -b memory://x >&-", ""),
        ("topics list -b memory://x >&- 2>&-", ""),
        ("produce t -b memory://x <&-", "Sent 0 records to t.\n"),
    ],
)
def test_a_closed_stream_is_nobody_s_concern(tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "job.py").write_text("def topology(b): b.stream('a').to('b')\n", "utf-8")
    code, out, err = shell(line, tmp_path)
    assert (code, out + err) == (0, says)


def test_a_working_directory_that_is_gone_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    for line in ("topics list", "run job --application-id a"):
        code, _, err = shell(
            f"--version > /dev/null; cd {gone}; rmdir {gone}; {sys.executable} -m streams.cli.main {line}", tmp_path
        )
        assert code == 2 and "The working directory is gone" in err and "Traceback" not in err
        gone.mkdir()
    shutil.rmtree(gone)


EARLY = """
import sys
class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
from streams.cli.entry import main
sys.argv = ["streams-app", "topics", "list", "-b", "memory://early"]
main()
"""


@pytest.mark.parametrize("module", ["click", "streams.cli.main", "streams.cli.topics", "streams.clients.admin"])
def test_an_interrupt_while_the_command_is_still_imported_ends_it_without_a_word(module: str) -> None:
    done = subprocess.run([sys.executable, "-c", EARLY.format(module=module)], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
