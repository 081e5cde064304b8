"""Uploads and signed media URLs: content, ranges, conditions, names, life."""
import hashlib
import time
import urllib.parse
import uuid

import pytest
import requests

from conftest import PHOTOS

CHELSEA = (PHOTOS / "chelsea.png").read_bytes()
SIZE = len(CHELSEA)


@pytest.fixture(scope="module")
def url(server):
    return server.upload(PHOTOS / "chelsea.png")["url"]


def read(url, **headers):
    return requests.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()}, timeout=30)


def test_an_upload_is_described_and_comes_back(server):
    data = server.upload(PHOTOS / "chelsea.png")
    assert set(data) == {"id", "url", "content_type", "size", "sha256"}
    assert uuid.UUID(data["id"]).version == 7
    assert (data["content_type"], data["size"]) == ("image/png", SIZE)
    assert data["sha256"] == hashlib.sha256(CHELSEA).hexdigest()
    parts = urllib.parse.urlsplit(data["url"])
    assert f"{parts.scheme}://{parts.netloc}" == server.base
    assert parts.path == f"/media/asset/{data['id']}/{data['sha256']}.png"
    assert read(data["url"]).content == CHELSEA


def test_content_is_told_by_its_bytes(server):
    for kind in ("image/jpeg", "text/plain", "application/json", "video/mp4", None):
        answer = server.request("POST", "/v2/assets", data=CHELSEA, headers={"Content-Type": kind})
        assert answer.status_code == 200 and answer.json()["data"]["content_type"] == "image/png"
    answer = server.request("POST", "/v2/assets", files={"file": ("x.mp4", CHELSEA, "video/mp4"), "other": (None, "y")})
    assert answer.status_code == 200 and answer.json()["data"]["content_type"] == "image/png"


def test_the_same_bytes_twice_are_two_assets(server):
    one, other = (server.upload(PHOTOS / "coffee.png") for _ in range(2))
    assert one["id"] != other["id"] and one["sha256"] == other["sha256"]
    assert read(one["url"]).content == read(other["url"]).content


def test_the_headers_of_a_file(url):
    answer = read(url)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.headers["ETag"] == f'"{hashlib.sha256(CHELSEA).hexdigest()}"'
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "private" in answer.headers["Cache-Control"]
    assert "Content-Disposition" not in answer.headers


def test_head_has_the_headers_alone(url):
    answer = requests.head(url, timeout=30)
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", str(SIZE))
    assert answer.headers["ETag"] == read(url).headers["ETag"]
    part = requests.head(url, headers={"Range": "bytes=0-9"}, timeout=30)
    assert (part.status_code, part.content, part.headers["Content-Length"]) == (206, b"", "10")


def test_download_has_a_name(url):
    answer = read(url + "&download=1")
    assert answer.content == CHELSEA
    name = urllib.parse.urlsplit(url).path.rsplit("/", 1)[1]
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert "Content-Disposition" not in read(url + "&download=0").headers


@pytest.mark.parametrize("value,first,last", [
    ("bytes=0-0", 0, 0), ("bytes=0-99", 0, 99), ("bytes=100-199", 100, 199), (f"bytes={SIZE - 5}-", SIZE - 5, SIZE - 1), ("bytes=-7", SIZE - 7, SIZE - 1),
    ("bytes=5-999999999", 5, SIZE - 1), ("bytes=-999999999", 0, SIZE - 1), ("BYTES=1-2", 1, 2)])
def test_one_range_is_206(url, value, first, last):
    answer = read(url, Range=value)
    assert answer.status_code == 206 and answer.content == CHELSEA[first:last + 1]
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer.headers["Content-Length"] == str(last - first + 1) and answer.headers["Content-Type"] == "image/png"


@pytest.mark.parametrize("value", ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=0-1,3-4", "bytes=0-1, -1", "items=0-1", "bytes 0-1", "bytes=--5"])
def test_other_ranges_give_the_whole(url, value):
    answer = read(url, Range=value)
    assert answer.status_code == 200 and answer.content == CHELSEA and "Content-Range" not in answer.headers


@pytest.mark.parametrize("value", [f"bytes={SIZE}-", "bytes=999999999-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0"])
def test_ranges_outside_are_416(url, value):
    answer = read(url, Range=value)
    assert answer.status_code == 416 and answer.json() == {"message": "RANGE_NOT_SATISFIABLE"}
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"


def test_an_unchanged_file_is_304(url):
    etag = read(url).headers["ETag"]
    for value in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = read(url, If_None_Match=value)
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag), value
    for value in ('"other"', etag.strip('"')[:-1]):
        assert read(url, If_None_Match=value).status_code == 200
    assert read(url, If_None_Match=etag, Range="bytes=0-1").status_code == 304


def test_a_range_may_depend_on_the_etag(url):
    etag = read(url).headers["ETag"]
    assert read(url, If_Range=etag, Range="bytes=0-1").status_code == 206
    for value in ('"other"', f"W/{etag}", "Wed, 21 Oct 2015 07:28:00 GMT"):
        answer = read(url, If_Range=value, Range="bytes=0-1")
        assert answer.status_code == 200 and answer.content == CHELSEA


def test_urls_end_after_their_life(new_server):
    server = new_server("--media-url-life", "1")
    url = server.upload(PHOTOS / "chelsea.png")["url"]
    assert read(url).status_code == 200
    time.sleep(2.1)
    answer = read(url)
    assert answer.status_code == 403 and answer.json()["message"] == "FORBIDDEN" and "expired" in answer.json()["reason"]
    data = server.run("vim_grid2images", {"image_url": url})
    assert data["processing_status"] == "fail" and data["error"]["code"] == "FETCH_REFUSED"
    fresh = server.upload(PHOTOS / "chelsea.png")["url"]
    workflow = server.run("vim_grid2images", {"image_url": fresh})
    time.sleep(2.1)
    assert read(workflow["result"][0]["url"]).status_code == 403
    again = server.request("GET", f"/v2/workflow/{workflow['id']}").json()["data"]
    assert again["result"][0]["url"] != workflow["result"][0]["url"]
    assert read(again["result"][0]["url"]).status_code == 200


def test_urls_have_the_public_base(new_server):
    server = new_server("--public-url", "https://media.example/base/")  # a slash at the end is not doubled
    url = server.upload(PHOTOS / "chelsea.png")["url"]
    assert url.startswith("https://media.example/base/media/asset/")
    path = url.removeprefix("https://media.example/base")
    assert read(server.base + path).content == CHELSEA
    data = server.run("vim_grid2images", {"image_url": url})
    assert data["processing_status"] == "success", data["error"]


def test_an_upload_over_the_limit_is_413(new_server):
    server = new_server("--asset-bytes", "10k")
    small = CHELSEA[:10 * 1024]
    assert server.request("POST", "/v2/assets", data=small).status_code == 200
    for arguments in ({"data": CHELSEA}, {"data": iter([CHELSEA])}, {"files": {"file": CHELSEA}}, {"files": {"file": b"x" * (5 << 20)}}):
        answer = server.request("POST", "/v2/assets", **arguments)
        assert answer.status_code == 413 and answer.json()["message"] == "PAYLOAD_TOO_LARGE", answer.text
    assert server.request("GET", "/health").status_code == 200
