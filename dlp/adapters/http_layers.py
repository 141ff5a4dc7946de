"""The layers of mitmproxy around an exchange, in forms that fail closed: connections, HTTP/2, tunnels."""

from mitmproxy.connection import Client, Connection, ConnectionState, Server
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import commands, events, tunnel
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator, Layer
from mitmproxy.proxy.layers.http import (
    GetHttpConnection,
    GetHttpConnectionCompleted,
    HttpClient,
    HttpLayer,
    HTTPMode,
    RegisterHttpConnection,
)
from mitmproxy.proxy.layers.http._http2 import Http2Client, Http2Server
from mitmproxy.proxy.layers.tls import ClientTLSLayer, ServerTLSLayer

from dlp.adapters.http1 import ClientHttp1, UpstreamHttp1
from dlp.adapters.http_exchange import Exchange, Side, Tunnel

_MOST_STREAMS = 32  # of one HTTP/2 connection: each may fill a body's limit


class UpstreamHttp(HttpClient):
    """Opens a connection to an upstream and speaks whichever HTTP was agreed on."""

    def __init__(self, context: Context, side: Side) -> None:
        super().__init__(context)
        self._side = side

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        server = self.context.server
        error = yield commands.OpenConnection(server)
        if not error:
            if server.alpn == b"h2":
                upstream = self.child_layer = Http2Client(self.context)
                self._side.multiplexed[server] = upstream.h2_conn
            else:
                self.child_layer = UpstreamHttp1(self.context, self._side.shell.limits)
            self._handle_event = self.child_layer.handle_event  # type: ignore[method-assign] # as mitmproxy does
            yield from self._handle_event(event)
        yield RegisterHttpConnection(server, error)


class HttpSide(HttpLayer):
    """HTTP with one client, outside of tunnels (`tunnel` is None) or inside of one."""

    def __init__(self, context: Context, side: Side, tunnel_: Tunnel | None) -> None:
        super().__init__(context, HTTPMode.regular if tunnel_ is None else HTTPMode.transparent)
        self.side = side
        self.tunnel = tunnel_
        self.inside: Tunnel | None = None
        self._owners: dict[Connection, str] = {}

    def __repr__(self) -> str:
        """Say which side this is."""
        return f"HttpSide({self.mode.name})"

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        if isinstance(event, events.ConnectionEvent):
            handler = self.connections.get(event.connection)
            if handler is not None:
                yield from self.event_to_child(handler, event)
            if self.inside is not None:
                yield from self._enter(self.inside)
        elif isinstance(event, events.Start):
            context = self.context.fork()
            server: Layer
            if self.context.client.alpn == b"h2":
                server = ClientHttp2(context)
                self.side.multiplexed[self.context.client] = server.h2_conn
            else:
                server = ClientHttp1(context, self.side.shell.limits)
            self.connections[self.context.client] = server
            yield from self.event_to_child(server, event)
        elif isinstance(event, events.CommandCompleted):
            yield from self.event_to_child(self.command_sources.pop(event.command), event)

    def _enter(self, tunnel_: Tunnel) -> CommandGenerator[None]:
        """Hand the connection over to what is inside the tunnel; HTTP with the proxy itself is over on it."""
        outer = self.connections[self.context.client]
        assert isinstance(outer, ClientHttp1)  # noqa: S101 - CONNECT is read by HTTP/1 only
        early = outer.buf.maybe_extract_at_most(len(outer.buf)) if len(outer.buf) else None
        inside = Inside(self.context, self.side, tunnel_)
        self._handle_event = inside.handle_event  # type: ignore[method-assign] # as mitmproxy's NextLayer does
        self.handle_event = inside.handle_event  # type: ignore[method-assign]
        yield from inside.handle_event(events.Start())
        if early:
            yield from inside.handle_event(events.DataReceived(self.context.client, bytes(early)))

    def make_stream(self, stream_id: int) -> CommandGenerator[None]:
        """Begin an exchange."""
        self.streams[stream_id] = Exchange(self.context.fork(), stream_id, self)  # type: ignore[assignment]
        yield from ()

    def get_connection(self, event: GetHttpConnection, *, reuse: bool = True) -> CommandGenerator[None]:
        """Reuse a connection of this client's session, or open one. An upstream is contacted nowhere else.

        Sessions that share a client's connection share none upstream: to some servers a connection is an identity.
        """
        owner = self._owner(event)
        if reuse:
            matching = [c for c in self.connections if event.connection_spec_matches(c)]
            for connection in [c for c in matching if self._owners.get(c) == owner]:
                if connection in self.waiting_for_establishment:
                    self.waiting_for_establishment[connection].append(event)
                    return
                # Over HTTP/1, one connection serves one exchange of an HTTP/2 client: answers may end with it.
                if connection.connected and (self.context.client.alpn != b"h2" or connection.alpn == b"h2"):
                    stream = self.command_sources.pop(event)
                    yield from self.event_to_child(stream, GetHttpConnectionCompleted(event, (connection, None)))
                    return
                if connection.state is ConnectionState.CLOSED:
                    del self.connections[connection]
        context = self.context.fork()
        context.server = Server(address=event.address)
        stack = tunnel.LayerStack()
        if event.tls:
            context.server.sni = event.address[0]
            stack /= ServerTLSLayer(context)
        stack /= UpstreamHttp(context, self.side)
        self.connections[context.server] = stack[0]
        self._owners = {c: name for c, name in self._owners.items() if c in self.connections}
        self._owners[context.server] = owner
        self.waiting_for_establishment[context.server].append(event)
        yield from self.event_to_child(stack[0], events.Start())

    def _owner(self, event: GetHttpConnection) -> str:
        exchange = self.command_sources[event]
        if not isinstance(exchange, Exchange):
            msg = "a connection that no exchange asked for"
            raise TypeError(msg)
        return exchange.session


class ClientHttp2(Http2Server):
    """HTTP/2 with a sandbox; so many streams at once that their bodies stay within reason."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.h2_conn.local_settings.max_concurrent_streams = _MOST_STREAMS
        self.h2_conn.local_settings.acknowledge()


class Inside(Layer):
    """The inside of a tunnel: TLS or plain HTTP, and nothing else."""

    def __init__(self, context: Context, side: Side, tunnel_: Tunnel) -> None:
        super().__init__(context)
        self._side = side
        self._tunnel = tunnel_
        self._seen = b""
        context.server = Server(address=(tunnel_.host, tunnel_.port))  # for the name in the certificate

    def __repr__(self) -> str:
        """Say what this is."""
        return "Inside()"

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        client: Client = self.context.client
        if isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(client)
        elif isinstance(event, events.DataReceived) and event.connection == client:
            self._seen += event.data
            if len(self._seen) < 3 and self._seen[:1] == b"\x16":  # noqa: PLR2004 - a TLS record shows in three bytes
                return
            child: Layer
            if starts_like_tls_record(self._seen):
                child = ClientTLSLayer(self.context)
                child.child_layer = HttpSide(self.context, self._side, self._tunnel)
            elif self._seen[:1].isalpha():
                child = HttpSide(self.context, self._side, self._tunnel)
            else:
                yield commands.CloseConnection(client)
                return
            self._handle_event = child.handle_event  # type: ignore[method-assign] # as mitmproxy's NextLayer does
            self.handle_event = child.handle_event  # type: ignore[method-assign]
            yield from child.handle_event(events.Start())
            yield from child.handle_event(events.DataReceived(client, self._seen))
