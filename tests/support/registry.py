#!/usr/bin/env python3
"""A registry of images with one image of busybox, "busybox:1", for the end-to-end tests of Docker: prints its port, then a line
for each request. Where USER:PASSWORD is given it asks for that. Where HOLD is the path of a file it sends half of a layer, and the rest
once that file is there. Usage: [HOLD=PATH] registry.py [USER:PASSWORD]"""
import base64, gzip, hashlib, http.server, io, json, os, sys, tarfile, time

HOLD = os.environ.get("HOLD")
WANTED = "Basic " + base64.b64encode(sys.argv[1].encode()).decode() if len(sys.argv) > 1 else None
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.add("/bin/busybox", "bin/busybox")
        for name in "sh", "echo", "sleep", "true":
            link = tarfile.TarInfo("bin/" + name)
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return out.getvalue()


PLAIN = layer()
LAYER = gzip.compress(PLAIN, 1)
CONFIG = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "history": [{"created_by": "test"}],
                     "rootfs": {"type": "layers", "diff_ids": [digest(PLAIN)]}}).encode()
TEXT = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST,
                   "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(CONFIG), "digest": digest(CONFIG)},
                   "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": len(LAYER), "digest": digest(LAYER)}]}).encode()
BASE = "/v2/busybox"
ANSWERS = {"/v2/": (b"{}", "application/json"), BASE + "/manifests/1": (TEXT, MANIFEST), BASE + "/manifests/" + digest(TEXT): (TEXT, MANIFEST),
           BASE + "/blobs/" + digest(CONFIG): (CONFIG, "application/octet-stream"), BASE + "/blobs/" + digest(LAYER): (LAYER, "application/octet-stream")}


class Registry(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, kind="application/json", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "HEAD":
            return
        half = len(body) // 2 if body is LAYER and HOLD else 0
        self.wfile.write(body[:half])
        self.wfile.flush()
        while half and not os.path.exists(HOLD):
            time.sleep(0.05)
        self.wfile.write(body[half:])

    def do_GET(self):
        if WANTED and self.headers.get("Authorization") != WANTED:
            self.answer(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}', WWW_Authenticate='Basic realm="test"')
        elif self.path in ANSWERS:
            body, kind = ANSWERS[self.path]
            self.answer(200, body, kind, Docker_Content_Digest=digest(body))
        else:
            self.answer(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}')

    do_HEAD = do_GET

    def log_request(self, code="-", size="-"):
        print(self.command, self.path, int(code), flush=True)

    def log_message(self, text, *arguments):  # of what is no request: an engine tries TLS first
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
print(server.server_address[1], flush=True)
server.serve_forever()
