"""A small HTTP server for doubles of networks' interfaces, and whoever posts to a listener of ours."""

import http.client
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Double:
    """Answers with what `answer(method, path, query, headers, body)` gives: status, further head
    lines, body, and how many bytes of the body are sent before the connection is cut (None: all)."""

    def __init__(self, answer):
        double = self

        class Handler(BaseHTTPRequestHandler):
            def handle_all(self):
                target = urlsplit(self.path)
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                status, head, content, cut = double.answer(self.command, target.path, target.query, self.headers, body)
                self.send_response(status)
                for name, value in head.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.send_header("connection", "close")
                self.end_headers()
                try:
                    self.wfile.write(content if cut is None else content[:cut])
                except OSError:
                    pass  # whoever asked was killed
                self.close_connection = True

            do_GET = do_POST = handle_all

            def log_message(self, *_):
                pass

        self.answer = answer
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()


class Poster:
    """Posts until it is answered with 200, as the networks do; whoever did not hear the answer
    posts again."""

    def __init__(self, port, path, seconds=90):
        self.port, self.path, self.seconds = port, path, seconds
        self.refused = 0

    def once(self, body, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", self.path, body, {"content-type": "application/json", **headers})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def post(self, body, headers):
        until = time.monotonic() + self.seconds
        while (status := self.once(body, headers)) != 200:
            self.refused += 1
            if time.monotonic() > until:
                raise TimeoutError(f"not taken: {status}")
            time.sleep(0.2)
