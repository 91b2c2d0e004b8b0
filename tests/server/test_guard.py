"""What is not let in, and what no answer may be without."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time

import httpx
import pytest

from semsearch.common.errors import CollectionNotFoundError, InputError
from semsearch.server.app import make_app
from semsearch.server.backend import Backend
from semsearch.server.guard import Guard
from semsearch.server.limits import Limits
from semsearch.server.listening import read_token
from semsearch.server.monitoring import Monitor
from tests.server.conftest import start, stop

TOKEN = "0123456789abcdef" * 2


def ask(app, path="/collections", method="GET", **named):
    """The answer of an application in this process."""

    async def send():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, **named)

    return asyncio.run(send())


@pytest.fixture
def backend(tmp_path):
    """A backend without collections."""
    return Backend(tmp_path)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8642", "127.0.0.1.evil.example", "", "[::"])
def test_a_name_that_is_not_this_machines_is_refused(backend, host):
    """A page whose name has come to mean this machine learns nothing (DNS rebinding)."""
    answer = ask(make_app(backend), headers={"host": host})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "wrong_host")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8642", "[::1]:8642", "LOCALHOST"])
def test_names_of_this_machine_are_answered(backend, host):
    """With a port or without."""
    assert ask(make_app(backend), headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999"])
def test_pages_from_elsewhere_may_not_ask(backend, origin):
    """Not even with the token; a page of this server may."""
    app = make_app(backend, token=TOKEN)
    headers = {"authorization": f"Bearer {TOKEN}", "host": "127.0.0.1"}
    answer = ask(app, headers={**headers, "origin": origin})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "wrong_origin")
    assert ask(app, headers={**headers, "origin": "http://127.0.0.1"}).status_code == 200


@pytest.mark.parametrize("given", [None, "Bearer wrong", f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN}x", "Bearer ü"])
def test_without_the_token_nothing_is_told_but_health(backend, given):
    """And the right one opens every route, whatever the host is called."""
    app = make_app(backend, token=TOKEN)
    headers = {} if given is None else {"authorization": given.encode()}
    answer = ask(app, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert ask(app, "/health", headers=headers).status_code == 200
    right = {"authorization": f"bearer {TOKEN}", "host": "search.example"}
    assert ask(app, headers=right).status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(backend, chunked):
    """By what it says of itself, and by what comes."""
    app = make_app(backend, limits=Limits(body=1000))

    async def pieces():
        for _ in range(20):
            yield b'{"texts": ["' + b"x" * 90

    content = pieces() if chunked else b"x" * 1001
    answer = ask(app, "/tokens", "POST", content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_too_many_requests_are_told_to_come_again():
    """Those at work go on; the next one gets 429 with Retry-After."""
    begun, go_on = threading.Event(), asyncio.Event()

    async def slow(_scope, _receive, send):
        begun.set()
        await go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    async def ask_twice():
        guard = Guard(slow, limits=Limits(requests=1, retry_after=7), monitor=Monitor())
        async with httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url="http://localhost") as client:
            first = asyncio.create_task(client.get("/"))
            while not begun.is_set():
                await asyncio.sleep(0.01)
            second = await client.get("/")
            go_on.set()
            return await first, second, await client.get("/")

    first, second, third = asyncio.run(ask_twice())
    assert [one.status_code for one in (first, second, third)] == [200, 429, 200]
    assert second.headers["retry-after"] == "7"


def test_a_defect_shows_no_trace(backend, monkeypatch, caplog):
    """The client gets a number, under which the log has what happened."""
    monkeypatch.setattr(Backend, "names", lambda _: 1 / 0)
    answer = ask(make_app(backend))
    assert answer.status_code == 500
    assert "division" not in answer.text
    assert answer.headers["x-request-id"] in answer.json()["error"]["message"]
    assert answer.headers["x-request-id"] in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_every_answer_has_the_headers_of_safety(backend):
    """Good ones, refused ones, and those of routes that are not there."""
    for path, host in (("/collections", "localhost"), ("/collections", "evil"), ("/nowhere", "localhost")):
        headers = ask(make_app(backend), path, headers={"host": host}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert len(headers["x-request-id"]) == 16


def test_a_server_that_only_reads_changes_nothing(backend):
    """Unless it was started with --allow-write."""
    for method, path, body in (
        ("POST", "/collections/a/documents", {"documents": []}),
        ("DELETE", "/collections/a/documents/b", None),
    ):
        answer = ask(make_app(backend), path, method, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "read_only")


def test_health_fails_when_a_collection_cannot_be_searched(tmp_path):
    """With its name; lists and models of the others are still there."""
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "collection.db").write_bytes(b"this is no database")
    answer = ask(make_app(Backend(tmp_path)), "/health")
    assert (answer.status_code, answer.json()["failing"]) == (503, ["damaged"])
    app = make_app(Backend(tmp_path))
    assert ask(app).json() == {"collections": [], "failing": ["damaged"]}
    assert [one["id"] for one in ask(app, "/v1/models").json()["data"]] == ["all-MiniLM-L6-v2"]
    broken = ask(app, "/collections/damaged")
    assert broken.status_code == 500
    assert str(tmp_path) not in broken.text


def test_only_the_named_collections_are_served(served_folder):
    """Others are as if they were not there; a name that is not there is a mistake at the start."""
    app = make_app(Backend(served_folder, ["empty"]))
    assert [one["name"] for one in ask(app).json()["collections"]] == ["empty"]
    assert ask(app, "/collections/flying").status_code == 404
    with pytest.raises(CollectionNotFoundError, match="fly"):
        Backend(served_folder, ["fly"])


def test_a_short_token_is_refused(tmp_path):
    """It could be guessed; so could none. A file that is not there is told."""
    file = tmp_path / "token"
    for content in ("", "short\n", "ü" * 20):
        file.write_text(content)
        with pytest.raises(InputError, match="16 ASCII characters or more"):
            read_token(file)
    file.write_text(f"{TOKEN}\n")
    assert read_token(file) == TOKEN
    with pytest.raises(InputError, match="cannot be read"):
        read_token(tmp_path / "none")


def test_an_address_for_others_wants_a_token_and_a_taken_port_another(tmp_path):
    """Both are told in a line, and nothing is served."""

    def fail(*options):
        command = [sys.executable, "-m", "semsearch", "serve", "--indexes", str(tmp_path), *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        return done.stderr

    assert "give --token-file" in fail("--host", "0.0.0.0")  # noqa: S104 - it is refused
    process, where = start("--indexes", tmp_path)
    try:
        assert "choose another --port" in fail("--port", where.rsplit(":", 1)[1])
    finally:
        stop(process)


def test_what_has_begun_is_answered_before_the_server_ends(served_folder):
    """Ctrl-C while a request is at work: its client gets the whole answer, and the program ends well."""
    process, where = start("flying", "--indexes", served_folder, "--log")
    answers = []
    texts = [f"sentence {number} of many that are encoded" for number in range(2000)]
    body = {"input": texts, "model": "all-MiniLM-L6-v2"}
    thread = threading.Thread(
        target=lambda: answers.append(httpx.post(f"{where}/v1/embeddings", json=body, timeout=120)), daemon=True
    )
    httpx.post(f"{where}/v1/embeddings", json={**body, "input": "warm"}, timeout=60)
    thread.start()
    time.sleep(0.3)
    status, log = stop(process)
    thread.join(60)
    assert len(answers[0].json()["data"]) == 2000
    assert status == 0
    assert '"path": "/v1/embeddings", "status": 200' in log
