"""A loopback port that passes Batch's and CloudWatch Logs' requests on to the socket of a state directory, as a
transport over TCP does: without signatures, since the socket trusts whoever may open it."""
import http.client
import http.server
import json
import socket
import threading
import urllib.parse

TAGS = "/v1/tags/"
LOGS = "Logs_20140328."


class SocketConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def route(method, url, target, body):
    """The operation's path on the socket, and its body."""
    place = urllib.parse.urlsplit(url)
    if target and target.startswith(LOGS):
        return "/muster/v1/" + target[len(LOGS) :].lower(), body
    if not place.path.startswith(TAGS):
        return place.path, body
    request = json.loads(body or b"{}")
    request["resourceArn"] = urllib.parse.unquote(place.path[len(TAGS) :])
    if method == "DELETE":
        request["tagKeys"] = urllib.parse.parse_qs(place.query, keep_blank_values=True).get("tagKeys", [])
    names = {"GET": "listtagsforresource", "POST": "tagresource", "DELETE": "untagresource"}
    return "/v1/" + names[method], json.dumps(request).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, body = route(self.command, self.path, self.headers.get("X-Amz-Target"), body)
        connection = SocketConnection(self.server.socket_path)
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower().startswith("x-amzn") or name.lower() == "content-type":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        connection.close()
        self.server.seen(path, answer.status, text)

    do_GET = do_POST = do_DELETE = forward


class Forwarder(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, socket_path, seen=lambda *_: None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.socket_path, self.seen = socket_path, seen
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"
