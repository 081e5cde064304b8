"""Writes every answer of the servers under test to the file REELD_TRAFFIC, a JSON line each, for tools/traffic."""
import json
import os
import threading
import urllib.parse

import requests

BODY_MAX = 2_000_000
bases = set()  # of the servers that were started, such as http://127.0.0.1:4711
lock = threading.Lock()


def parsed(text):
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None


def row_of(response, stream):
    url = urllib.parse.urlsplit(response.url)
    kind = response.headers.get("Content-Type")
    sent = response.request.body
    is_json = "json" in (response.request.headers.get("Content-Type") or "") and isinstance(sent, (str, bytes))
    body = None
    if not stream and kind and "json" in kind and response.request.method != "HEAD" and len(response.content) <= BODY_MAX:
        body = parsed(response.content)
    return {"method": response.request.method, "path": urllib.parse.unquote(url.path), "query": url.query,
            "status": response.status_code, "type": kind, "body": body, "sent": parsed(sent) if is_json else None,
            "test": os.environ.get("PYTEST_CURRENT_TEST", "").split(" ")[0]}


def install(path):
    """From here on; `path` is appended to."""
    send = requests.Session.send

    def recording(session, request, **arguments):
        response = send(session, request, **arguments)
        if any(response.url.startswith(base + "/") for base in bases):
            line = json.dumps(row_of(response, arguments.get("stream")))
            with lock, open(path, "a") as file:
                file.write(line + "\n")
        return response

    requests.Session.send = recording


if os.environ.get("REELD_TRAFFIC"):
    install(os.environ["REELD_TRAFFIC"])
