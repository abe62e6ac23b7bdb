"""ferry ls: the operator's list of uploads, from a socket or a URL"""

import json
import socket

import pytest

from fake_admin import AdminServer, upload

TABLE = "NAME         STATE        DONE        SIZE"


def ls(ferry, *arguments, retry_s=1):
    return ferry.run("ls", "--retry-delay", "10", "--retry-time", str(retry_s), *map(str, arguments))


def queries(server):
    return [query for path, query, _ in server.asked if path == "/api/uploads"]


@pytest.fixture
def data(ferry):
    """A data folder: the default one."""
    (ferry.folder / "data").mkdir()
    return ferry.folder / "data"


def test_lists_by_the_socket_in_the_data_folder(ferry, data):
    two = [upload("a" * 32, writing=True, offset=42, metadata={"filename": "holiday.mp4"}), upload("b" * 32)]
    with AdminServer(two, socket=data / "admin.sock") as server:
        told = [ls(ferry, *place) for place in ([], ["data"], [data / "admin.sock"], [f"unix:{data}/admin.sock"])]
        ferry.environment["FERRY_ADMIN"] = str(data)
        (ferry.folder / "data").rename(ferry.folder / "elsewhere")
        ferry.environment["FERRY_ADMIN"] = str(ferry.folder / "elsewhere")
        told.append(ls(ferry))

    assert all(one == told[0] for one in told)
    status, out, err = told[0]
    header, first, second = out.splitlines()
    assert (status, err) == (0, "")
    assert header.split() == ["NAME", "STATE", "DONE", "SIZE", "AGE", "IDLE", "EXPIRES", "ID"]
    assert first.split()[:5] == ["holiday.mp4", "active", "42%", "100", "B"] and first.endswith("a" * 32)
    assert second.split()[:3] == ["b" * 32, "stalled", "0%"]
    assert all(fields["Host"] == "localhost" and "Authorization" not in fields for _, _, fields in server.asked)


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_url_gets_the_token_from_a_file(ferry, way):
    token = ferry.file("token", b"0123456789abcdef\n")
    with AdminServer([upload("a")], token="0123456789abcdef") as server:
        if way == "environment":
            ferry.environment["FERRY_API_TOKEN_FILE"] = str(token)
        status, out, err = ls(ferry, server.url, *(["--api-token-file", token] if way == "option" else []))

    assert status == 0, err
    assert len(out.splitlines()) == 2


@pytest.mark.parametrize("content, told", [
    (None, "it wants the operator's token: --api-token-file (401)"),
    (b"wrong\n", "it wants the operator's token"),
    (b"", "the first line holds no token"),
    (b"two words\n", "the first line holds no token"),
    (b"\x1b\n", "the first line holds no token"),
])
def test_without_the_token_there_is_nothing(ferry, content, told):
    arguments = [] if content is None else ["--api-token-file", ferry.file("token", content)]
    with AdminServer([upload("a")], token="right") as server:
        status, out, err = ls(ferry, server.url, *arguments)

    assert (status, out) == (1, "") and told in err


def test_filters_go_to_the_server(ferry):
    with AdminServer() as server:
        status, out, err = ls(ferry, server.url, "--state", "stalled", "--older", "2h", "--newer", "7d",
                              "--metadata", "my:key=a b&c=ü")
        ls(ferry, server.url, "--metadata", "filename")
        ls(ferry, server.url, "--metadata", "filename=")

    assert (status, out) == (0, "") and "no uploads" in err
    assert queries(server) == [
        {"limit": "100", "state": "stalled", "older": "7200", "newer": "604800", "metadata": "my:key:a b&c=ü"},
        {"limit": "100", "metadata": "filename"}, {"limit": "100", "metadata": "filename:"}]


def test_a_colon_of_the_key_is_told_from_the_one_behind_it(ferry):
    with AdminServer() as server:
        lines = []
        server.server.RequestHandlerClass.log_request = lambda handler, *_: lines.append(handler.path)
        ls(ferry, server.url, "--metadata", "my:key=x:y")

    assert lines == ["/api/uploads?limit=100&metadata=my%3Akey:x%3Ay"]


@pytest.mark.parametrize("limit, shown, pages", [(5, 5, 1), (10, 10, 1), (25, 25, 3), (1000, 32, 4)])
def test_pages_are_followed_up_to_the_limit(ferry, limit, shown, pages):
    with AdminServer([upload(f"{number:032x}") for number in range(32)], page=10) as server:
        status, out, err = ls(ferry, server.url, "--limit", limit)

    names = [line.split()[0] for line in out.splitlines()[1:]]
    assert status == 0 and names == [f"{number:032x}" for number in range(shown)]
    assert len(server.asked) == pages
    assert ("may be more" in err) == (shown < 32)


def test_json_is_what_the_server_told_in_ascii(ferry):
    uploads = [upload("a", metadata={"filename": "né\u0000\u001b\u009b"}), upload("b", length=None)]
    with AdminServer(uploads) as server:
        status, out, err = ls(ferry, server.url, "--json")

    assert (status, err) == (0, "") and out.isascii()
    assert [json.loads(line) for line in out.splitlines()] == uploads


def test_nothing_that_a_client_said_reaches_the_terminal(ferry):
    evil = "\u001b]0;x\u0007\u009b2J\u202e\r\n\u0000"
    with AdminServer([upload(evil, state=evil, metadata={"filename": evil})]) as server:
        status, out, _ = ls(ferry, server.url)

    assert status == 0 and len(out.splitlines()) == 2
    assert all(character.isprintable() for line in out.splitlines() for character in line)


def test_a_busy_server_is_asked_again(ferry):
    with AdminServer([upload("a")]) as server:
        server.busy = 2
        status, out, err = ls(ferry, server.url, retry_s=60)

    assert status == 0 and len(out.splitlines()) == 2
    assert err.count("trying again") == 2


@pytest.mark.parametrize("answer", [[], {}, {"uploads": 1, "next": None}, {"uploads": [1], "next": None},
                                    {"uploads": [{"id": "a"}], "next": None}])
def test_what_is_no_list_is_an_error(ferry, answer):
    with AdminServer() as server:
        server.server.RequestHandlerClass = type("Odd", (server.server.RequestHandlerClass,), {
            "list": lambda handler, _: handler.answer(200, json.dumps(answer))})
        status, out, err = ls(ferry, server.url)

    assert (status, out) == (1, "") and "the answer is " in err


def test_a_place_that_is_none_is_an_error(ferry, data):
    plain = ferry.file("plain", b"")
    long = "x" * 200
    with socket.socket(socket.AF_UNIX) as listener:
        (ferry.folder / "gone").mkdir()
        listener.bind(str(ferry.folder / "gone" / "admin.sock"))
    for place, status, told in [("data", 1, "No such file"), ("nowhere", 1, "the data folder of a server that runs"),
                                (plain, 2, "not a socket"), ("ftp://127.0.0.1/", 2, "http or https URL"),
                                ("gone", 1, "no answer at the socket gone/admin.sock"), (long, 1, "No such file")]:
        found, out, err = ls(ferry, place)
        assert (found, out) == (status, "") and told in err, (place, err)
    with AdminServer() as server:
        assert ls(ferry, server.url + "/files/")[0] == 0  # only the host counts


@pytest.mark.parametrize("option", [["--older", "soon"], ["--newer", "0"], ["--limit", "0"], ["--follow"],
                                    ["--metadata"], ["a", "b"]])
def test_a_wrong_command_line_is_told(ferry, option):
    status, out, err = ls(ferry, *option)
    assert (status, out) == (2, "") and err
