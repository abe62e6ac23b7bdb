"""--help is where options stand first; the manual pages and the shells' completions say the same."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("FERRY_BUILD", ROOT / "build" / "plain"))
COMMANDS = ["put", "get", "verify", "status", "rm", "ls", "top", "doctor"]
COMPLETIONS = ROOT / "tools" / "ferry" / "completions"
MANUALS = {"ferry": ROOT / "tools" / "ferry" / "ferry.1", "ferryd": ROOT / "server" / "ferryd.8"}


def options_in(text):
    """The long options of a help text, and the short ones."""
    found = re.findall(r"^  (?:-(\w), )?--([a-z-]+)", text, re.M)
    return {name for _, name in found}, {letter for letter, _ in found if letter}


@pytest.fixture
def options(ferry):
    """command -> its long options, and its short ones."""
    told = {command: options_in(ferry.run(command, "--help")[1]) for command in COMMANDS}
    assert all({"help", "header"} <= names for names, _ in told.values())
    return told


def test_help_tells_a_newcomer_what_there_is(ferry):
    status, out, err = ferry.run("--help")
    assert (status, err) == (0, "")
    for command in COMMANDS:
        assert f"  ferry {command} " in out

        status, told, err = ferry.run(command, "--help")
        assert (status, err) == (0, "") and told.startswith(f"ferry {command} [OPTION]... ")
        assert max(map(len, told.splitlines())) < 100


def manual_options(text):
    found = re.findall(r"^\.It Fl (?:(\w) , )?-([a-z-]+)", text, re.M)
    return {name for _, name in found}, {letter for letter, _ in found if letter}


def test_the_manual_page_has_every_option_of_the_help(options):
    text = MANUALS["ferry"].read_text()
    sections = dict(re.findall(r'^\.Ss Of ([\w, ]+)\n(.*?)(?=^\.S[sh] )', text, re.M | re.S))
    for command in COMMANDS:
        ours = [part for title, part in sections.items() if title == "every command" or command in re.findall(r"\w+", title)]
        assert manual_options("".join(ours)) == options[command], command
        assert re.search(rf"^\.It Cm {command}$", text, re.M)


def test_the_server_s_manual_page_has_every_option_of_the_help():
    out = subprocess.run([BUILD / "server" / "ferryd", "--help"], capture_output=True, text=True, check=True).stdout
    names, _ = options_in(out)
    assert {"listen", "help"} <= names
    assert manual_options(MANUALS["ferryd"].read_text())[0] == names


@pytest.mark.parametrize("name", MANUALS)
def test_the_manual_pages_are_well_formed(name):
    tools = [["groff", "-mdoc", "-ww", "-z", "-Tutf8"]]
    if shutil.which("mandoc"):
        tools.append(["mandoc", "-Tlint", "-Wwarning"])
    for tool in tools:
        done = subprocess.run([*tool, MANUALS[name]], capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def complete_bash(*words):
    script = f'source "{COMPLETIONS / "ferry.bash"}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ferry; ' \
             'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-eu", "-c", script, "bash", *words], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_bash_completes_every_option_of_the_help(options):
    assert complete_bash("ferry", "") == {*COMMANDS, "--help", "--version"}
    for command, (names, _) in options.items():
        assert complete_bash("ferry", command, "--") == {f"--{name}" for name in names}
    assert complete_bash("ferry", "put", "--checksum", "sha2") == {"sha256"}
    assert complete_bash("ferry", "put", "--jobs", "") == set()
    assert complete_bash("ferry", "rm", "x") == set()


def test_zsh_completes_every_option_of_the_help(options):
    text = (COMPLETIONS / "_ferry").read_text()
    arrays = dict(re.findall(r"^    (\w+)=\((.*?)\)$", text, re.M | re.S))
    for command, (names, letters) in options.items():
        assert re.search(rf"^        '{command}:", arrays["commands"], re.M)
        used = re.search(rf"^    {command}\) _arguments -s((?: \$\w+)+) ;;$", text, re.M)
        ours = "".join(arrays[name] for name in re.findall(r"\w+", used[1]))
        assert set(re.findall(r"--([a-z-]+)\[", ours) + re.findall(r"\{-\w,--([a-z-]+)\}", ours)) == names
        assert set(re.findall(r"\{-(\w),", ours)) == letters
    if shutil.which("zsh"):
        subprocess.run(["zsh", "-n", COMPLETIONS / "_ferry"], check=True)


def test_fish_completes_every_option_of_the_help(options):
    text = (COMPLETIONS / "ferry.fish").read_text()
    found = re.findall(r'^complete -c ferry -n "\$seen ([\w ]+)" (?:-s (\w) )?-l ([a-z-]+) ', text, re.M)
    for command, (names, letters) in options.items():
        ours = [(letter, name) for commands, letter, name in found if command in commands.split()]
        assert {name for _, name in ours} == names
        assert {letter for letter, _ in ours if letter} == letters
        assert f" -a {command} -d " in text
    if shutil.which("fish"):
        subprocess.run(["fish", "--no-execute", COMPLETIONS / "ferry.fish"], check=True)
