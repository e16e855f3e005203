"""An upstream: Python's own http.server. Reads each body to its end, logs the request, answers with its first line.

Arguments: port, log file.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave together.
    wbufsize = -1

    def answer(self):
        try:
            body = self.body()
        except ValueError:
            self.close_connection = True
            return self.log(400, "")
        self.log(200, body.decode("latin-1"))
        text = f"{self.command} {self.path}".encode("latin-1")
        self.send_response(200)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_PATCH = answer

    def body(self):
        if self.headers.get("transfer-encoding") is None:
            return self.whole(int(self.headers.get("content-length", "0")))
        body = b""
        while size := int(self.rfile.readline(100).split(b";")[0], 16):
            body += self.whole(size)
            self.rfile.readline(3)
        while self.rfile.readline(65536) not in (b"\r\n", b""):
            pass
        return body

    def whole(self, size):
        body = self.rfile.read(size)
        if len(body) < size:
            raise ValueError("the body was cut short")
        return body

    def send_error(self, code, message=None, explain=None):
        self.log(code, "")
        super().send_error(code, message, explain)

    def log(self, status, body):
        entry = {"method": self.command or "", "target": getattr(self, "path", ""), "body": body, "status": status}
        with open(sys.argv[2], "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def log_message(self, format, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


with Server(("127.0.0.1", int(sys.argv[1])), Handler) as server:
    print("listening", flush=True)
    server.serve_forever()
