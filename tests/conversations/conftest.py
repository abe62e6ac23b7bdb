import pytest

import conversation


class Servers:
    """Starts servers; what was started is stopped and checked at the end."""

    def __init__(self, folder):
        self.folder = folder
        self.started = []

    def frame(self, *listen, **settings):
        """The test program with handlers of every kind; settings as in its first comment."""
        arguments = [f"listen={where}" for where in listen]
        popen = settings.pop("popen", {})
        arguments += [f"{name}={value}" for name, value in settings.items()]
        return self._start("tests/server/frame", arguments, max(1, len(listen)), popen)

    def ferryd(self, *arguments, listeners=1, **popen):
        return self._start("server/ferryd", arguments, listeners, popen)

    def _start(self, program, arguments, listeners, popen):
        server = conversation.Server(program, arguments, self.folder, listeners, **popen)
        self.started.append(server)
        return server

    def stop(self):
        try:
            for server in self.started:
                server.stop()
        finally:
            for server in self.started:
                server.kill()


def _servers(folder):
    servers = Servers(folder)
    yield servers
    servers.stop()


@pytest.fixture
def servers(tmp_path):
    yield from _servers(tmp_path)


@pytest.fixture(scope="module")
def module_servers(tmp_path_factory):
    yield from _servers(tmp_path_factory.mktemp("servers"))


@pytest.fixture(scope="module")
def server(module_servers):
    """One for the whole module."""
    return module_servers.frame()
