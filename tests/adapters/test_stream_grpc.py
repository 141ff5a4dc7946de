"""gRPC through the proxy with its real engine: grpcio as client and as server, messages without a schema."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest

POLICY = """
policy: calls
use: [base]
sources:
  crm: {at: https://crm.test/**}
destinations:
  crm: {at: https://crm.test/**}
  open: {at: https://open.test/**}
rules:
  - {name: people enter as tokens, data: pii, from: crm, to: sandbox, then: tokenize}
  - {name: people do not leave, data: pii, to: crm, then: block}
  - {name: people may, data: pii, to: open, then: allow}
"""
SSN = b"536-90-4399"


def message(*texts: bytes) -> bytes:
    """Return a protobuf message with these texts as its fields, from 1 on."""
    return b"".join(bytes([number << 3 | 2, len(text)]) + text for number, text in enumerate(texts, 1))


class Service(grpc.GenericRpcHandler):
    """Echoes in all four shapes of a call, and keeps what it got."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.metadata: list[Any] = []

    def service(self, details: Any) -> Any:
        """Return what answers a call: by its method's name."""
        name = details.method.rpartition("/")[2]
        self.metadata.append(dict(details.invocation_metadata))

        def unary(request: bytes, context: Any) -> bytes:
            self.got.append(request)
            if name == "Fail":
                context.set_trailing_metadata((("why", "because"),))
                context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")
            if name == "Read":
                return message(b"ssn", SSN)
            return request

        def stream(requests: Iterator[bytes], _context: Any) -> Iterator[bytes]:
            for request in requests:
                self.got.append(request)
                yield request

        def many(_request: bytes, _context: Any) -> Iterator[bytes]:
            yield message(b"first")
            yield message(b"is " + SSN)

        if name == "Both":
            return grpc.stream_stream_rpc_method_handler(stream)
        if name == "Many":
            return grpc.unary_stream_rpc_method_handler(many)
        return grpc.unary_unary_rpc_method_handler(unary)


@pytest.fixture
def served(world: Any) -> Iterator[Service]:
    service = Service()
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=(service,))
    for name in ("crm.test", "open.test"):
        world.authority.context(name)
        pem = max(Path(world.authority_file).parent.glob(f"{name}-*.pem"), key=lambda path: path.stat().st_mtime_ns)
        text = pem.read_bytes()
        key, _, rest = text.partition(b"-----BEGIN CERTIFICATE-----")
        credentials = grpc.ssl_server_credentials([(key, b"-----BEGIN CERTIFICATE-----" + rest)])
        world.hosts[name] = ("127.0.0.1", server.add_secure_port("127.0.0.1:0", credentials))
    server.start()
    yield service
    server.stop(None)


CLIENT = """
import sys, grpc
proxy, ca, target, method, *texts = sys.argv[1:]
credentials = grpc.ssl_channel_credentials(open(ca, "rb").read())
options = [("grpc.http_proxy", proxy)]
compression = grpc.Compression.Gzip if method == "Packed" else None
def message(*fields):
    return b"".join(bytes([n << 3 | 2, len(f)]) + f for n, f in enumerate(fields, 1))
with grpc.secure_channel(target, credentials, options, compression) as channel:
    path = "/test.Service/" + method
    try:
        if method == "Both":
            call = channel.stream_stream(path)(iter([message(t.encode()) for t in texts]), timeout=15)
            for answer in call: print(answer.hex(), flush=True)
        elif method == "Many":
            for answer in channel.unary_stream(path)(b"", timeout=15): print(answer.hex(), flush=True)
        else:
            metadata = (("x-note", "kept"),)
            answer, call = channel.unary_unary(path).with_call(
                message(*(t.encode() for t in texts)), timeout=15, metadata=metadata)
            print(answer.hex())
    except grpc.RpcError as error:
        print(error.code().name, error.details().replace("\\n", " "), dict(error.trailing_metadata() or ()))
"""


def call(at: Any, target: str, method: str, *texts: str) -> list[str]:
    """Call in a process of its own: gRPC reads its proxy from the environment once."""
    world = at.world
    arguments = [f"http://{world.host}:{world.port}", str(world.ca_file), f"{target}:443", method, *texts]
    done = subprocess.run(  # noqa: S603 - a fixed command
        [sys.executable, "-c", CLIENT, *arguments],
        capture_output=True,
        timeout=40,
        check=False,
        env={"https_proxy": world.bare_url, "grpc_proxy": world.bare_url},
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout.decode().splitlines()


def test_a_call_passes_as_it_is_with_its_metadata(served: Service, judged: Any):
    at = judged(POLICY)
    assert call(at, "open.test", "Echo", "hello", "world") == [message(b"hello", b"world").hex()]
    assert served.got == [message(b"hello", b"world")]
    assert served.metadata[0]["x-note"] == "kept"


def test_a_stream_of_messages_goes_both_ways(served: Service, judged: Any):
    at = judged(POLICY)
    said = [f"number {n}" for n in range(20)]
    assert call(at, "open.test", "Both", *said) == [message(text.encode()).hex() for text in said]
    assert len(served.got) == 20


def test_a_compressed_message_is_read(served: Service, judged: Any):
    at = judged(POLICY)
    assert call(at, "open.test", "Packed", "word " * 20) == [message(b"word " * 20).hex()]
    (line,) = call(at, "crm.test", "Packed", "my ssn is 536-90-4399, " * 4)
    assert line.startswith("PERMISSION_DENIED The policy forbids this flow")
    assert served.got == [message(b"word " * 20)]


def test_a_message_that_may_not_leave_is_refused_with_a_status_that_says_why(served: Service, judged: Any):
    at = judged(POLICY)
    (line,) = call(at, "crm.test", "Echo", "my social security number is 536-90-4399")
    assert line.startswith("PERMISSION_DENIED The policy forbids this flow")
    assert "536-90" not in line
    assert served.got == []


def test_a_later_message_of_a_stream_is_refused_and_the_earlier_ones_arrive(served: Service, judged: Any):
    at = judged(POLICY)
    lines = call(at, "crm.test", "Both", "one", "my social security number is 536-90-4399")
    assert lines[-1].startswith("PERMISSION_DENIED")
    assert not any(b"536-90" in got for got in served.got)


def test_a_value_in_an_answer_enters_as_a_token_and_the_message_stays_one(served: Service, judged: Any):
    at = judged(POLICY)
    (line,) = call(at, "crm.test", "Read", "x")
    answer = bytes.fromhex(line)
    assert SSN not in answer
    assert answer.startswith(message(b"ssn"))
    token = answer[len(message(b"ssn")) + 2 :]
    assert token.startswith(b"[")
    assert call(at, "open.test", "Echo", token.decode())
    assert served.got[-1] == message(SSN)


def test_each_message_of_an_answer_is_judged(served: Service, judged: Any):
    at = judged(POLICY)
    lines = [bytes.fromhex(line) for line in call(at, "crm.test", "Many")]
    assert lines[0] == message(b"first")
    assert lines[1].startswith(b"\n")
    assert SSN not in lines[1]
    assert served.metadata


def test_a_status_of_the_server_and_its_trailers_pass(served: Service, judged: Any):
    at = judged(POLICY)
    (line,) = call(at, "open.test", "Fail", "x")
    assert line == "NOT_FOUND no such thing {'why': 'because'}"
    assert served.got == [message(b"x")]


def test_where_no_destination_is_named_nothing_is_reached(served: Service, judged: Any):
    at = judged(POLICY)
    (line,) = call(at, "elsewhere.test", "Echo", "x")
    assert line.startswith(("UNAVAILABLE", "PERMISSION_DENIED", "UNKNOWN"))
    assert served.got == []
