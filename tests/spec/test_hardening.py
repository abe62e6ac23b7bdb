"""
What the compiler and the linker are told in order to make mistakes harder to use shows in the programs

    read-only relocations, bound at once   no table of functions that could be written to
    position-independent                   the program lies elsewhere each time
    no executable stack                    nor any other memory that is both written and run
    stack protector                        a buffer that runs over ends the process
    _FORTIFY_SOURCE                        so does a call of libc on a buffer whose end the compiler knows
    IBT, SHSTK                             jumps and returns go where they may, where processor, kernel and libc check
                                           that: ours are marked for it; what Debian 12 links to them is not, so
                                           there nothing is checked yet
"""

import json
import platform
import re
import shutil
import subprocess

import pytest

from conversation import BUILD, SANITIZED

PROGRAMS = ["server/ferryd", "tools/ferry/ferry"]

pytestmark = pytest.mark.skipif(SANITIZED or not shutil.which("readelf"), reason="sanitizers want it otherwise, or no readelf")


@pytest.fixture(params=PROGRAMS)
def elf(request):
    def read(option):
        return subprocess.run(["readelf", "--wide", option, BUILD / request.param], capture_output=True, text=True,
                              check=True).stdout
    return read


def test_nothing_is_bound_late_and_tables_are_read_only(elf):
    dynamic = elf("--dynamic")
    assert re.search(r"\(FLAGS\).*\bBIND_NOW\b", dynamic) and re.search(r"\(FLAGS_1\).*\bNOW\b", dynamic)
    assert "TEXTREL" not in dynamic
    assert "GNU_RELRO" in elf("--segments")


def test_programs_are_position_independent(elf):
    assert re.search(r"Type:\s+DYN", elf("--file-header"))
    assert re.search(r"\(FLAGS_1\).*\bPIE\b", elf("--dynamic"))


def test_no_memory_is_written_and_run(elf):
    segments = re.findall(r"^  ([A-Z_]+) +(?:0x[0-9a-f]+ ){5}([R ][W ][E ])", elf("--segments"), re.MULTILINE)
    assert ("GNU_STACK", "RW ") in segments
    assert {name for name, rights in segments if "W" in rights and "E" in rights} == set()


def test_buffers_are_guarded(elf):
    symbols = elf("--dyn-syms")
    assert "__stack_chk_fail" in symbols
    assert {"__memcpy_chk", "__vsnprintf_chk"} & set(re.findall(r" (\w+_chk)@", symbols))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="of x86 alone")
def test_jumps_and_returns_may_be_checked():
    objects = list(BUILD.glob("server/libserver.a.p/*.o")) + list(BUILD.glob("storage/libstorage.a.p/*.o"))
    assert len(objects) > 50
    notes = subprocess.run(["readelf", "--wide", "--notes", *objects], capture_output=True, text=True, check=True).stdout
    marked = re.findall(r"x86 feature: IBT, SHSTK$", notes, re.MULTILINE)
    assert len(marked) == len(objects)


def test_all_of_it_is_compiled_so():
    commands = [entry["command"] for entry in json.loads((BUILD / "compile_commands.json").read_text())
                if not entry["file"].split("../")[-1].startswith("tests/")]
    assert len(commands) > 100
    for flag in ("-D_FORTIFY_SOURCE=3", "-fstack-protector-strong", "-fstack-clash-protection", "-fcf-protection"):
        assert [command for command in commands if flag not in command.split()] == [], flag
