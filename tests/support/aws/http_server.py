"""HTTP/1.1 on loopback with kept connections: enough for AWS clients and for the scripting port."""
import asyncio
import email.utils

BODY_MAX = 8 * 1024 * 1024
HEAD_MAX = 64 * 1024
REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    412: "Precondition Failed",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    509: "Bandwidth Limit Exceeded",
}


class Request:
    __slots__ = ("method", "path", "query", "headers", "body")

    def __init__(self, method, target, headers):
        self.method = method
        self.path, _, self.query = target.partition("?")
        self.headers = headers
        self.body = b""


class Reply:
    """delay: seconds before it is sent; lost: the connection is closed instead of an answer."""

    __slots__ = ("status", "headers", "body", "delay", "lost")

    def __init__(self, status, headers, body, delay=0.0, lost=False):
        self.status = status
        self.headers = headers
        self.body = body
        self.delay = delay
        self.lost = lost


class Connection(asyncio.Protocol):
    """answer(request) gives a Reply; date() the time for the Date header."""

    def __init__(self, answer, date, connections):
        self.answer = answer
        self.date = date
        self.connections = connections
        self.buffer = bytearray()
        self.request = None
        self.wanted = 0
        self.is_busy = False

    def connection_made(self, transport):
        self.transport = transport
        self.connections.add(transport)

    def connection_lost(self, exc):
        self.connections.discard(self.transport)

    def data_received(self, data):
        self.buffer += data
        self.work()

    def work(self):
        while not self.is_busy and not self.transport.is_closing():
            if self.request is None and not self.read_head():
                return
            if len(self.buffer) < self.wanted:
                return
            request, self.request = self.request, None
            request.body = bytes(self.buffer[: self.wanted])
            del self.buffer[: self.wanted]
            self.serve(request)

    def read_head(self):
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self.buffer) > HEAD_MAX:
                self.refuse("the head is too long")
            return False
        lines = self.buffer[:end].decode("latin-1").split("\r\n")
        del self.buffer[: end + 4]
        try:
            method, target, _ = lines[0].split(" ")
            headers = {}
            for line in lines[1:]:
                name, _, value = line.partition(":")
                headers[name.strip().lower()] = value.strip()
            self.wanted = int(headers.get("content-length", "0"))
        except ValueError:
            return self.refuse("the head is malformed")
        if "transfer-encoding" in headers or not 0 <= self.wanted <= BODY_MAX:
            return self.refuse("a body with a Content-Length is expected")
        if headers.get("expect", "").lower() == "100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.request = Request(method, target, headers)
        return True

    def refuse(self, text):
        self.send(Reply(400, {"Connection": "close", "Content-Type": "text/plain"}, text.encode()))
        self.transport.close()
        return False

    def serve(self, request):
        reply = self.answer(request)
        if reply.delay > 0:
            self.is_busy = True
            asyncio.get_running_loop().call_later(reply.delay, self.finish, request, reply)
        else:
            self.reply(request, reply)

    def finish(self, request, reply):
        self.is_busy = False
        if not self.transport.is_closing():
            self.reply(request, reply)
            self.work()

    def reply(self, request, reply):
        if reply.lost:
            self.transport.abort()
            return
        self.send(reply)
        if request.headers.get("connection", "").lower() == "close":
            self.transport.close()

    def send(self, reply):
        reason = REASONS.get(reply.status, "Status")
        date = email.utils.formatdate(self.date(), usegmt=True)
        head = [
            f"HTTP/1.1 {reply.status} {reason}",
            f"Date: {date}",
            f"Content-Length: {len(reply.body)}",
        ]
        head += [f"{name}: {value}" for name, value in reply.headers.items()]
        self.transport.write("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + reply.body)


async def listen(port, answer, date):
    """(server, port): serves on 127.0.0.1; port 0 takes a free one."""
    connections = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(answer, date, connections), "127.0.0.1", port, backlog=1000
    )
    return server, server.sockets[0].getsockname()[1]
