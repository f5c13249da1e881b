"""Signature Version 4 as a service checks it: of headers, not of presigned addresses."""
import functools
import hashlib
import hmac
import re
import urllib.parse

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^/, ]+)/(\d{8})/([^/, ]+)/([^/, ]+)/aws4_request, *"
    r"SignedHeaders=([a-z0-9;_-]+), *Signature=([0-9a-f]{64})"
)


class Signature:
    """What an Authorization header says."""

    def __init__(self, access_key, day, region, service, signed_headers, signature):
        self.access_key = access_key
        self.day = day
        self.region = region
        self.service = service
        self.signed_headers = signed_headers.split(";")
        self.signature = signature


def parse(header):
    """The Signature of a header, or None where it is none."""
    found = AUTHORIZATION.fullmatch(header.strip())
    return Signature(*found.groups()) if found else None


def canonical_query(query):
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    encoded = [
        (urllib.parse.quote(name, safe="-_.~"), urllib.parse.quote(value, safe="-_.~"))
        for name, value in pairs
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def canonical_request(method, path, query, headers, signed_headers, body):
    lines = [method, path or "/", canonical_query(query)]
    lines += [f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed_headers]
    lines += ["", ";".join(signed_headers), hashlib.sha256(body).hexdigest()]
    return "\n".join(lines)


@functools.lru_cache(maxsize=1000)
def signing_key(secret, day, region, service):
    key = ("AWS4" + secret).encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def expected(secret, signature, date, request):
    """The signature that the secret gives for a canonical request."""
    scope = f"{signature.day}/{signature.region}/{signature.service}/aws4_request"
    text = "\n".join(
        ["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(request.encode()).hexdigest()]
    )
    key = signing_key(secret, signature.day, signature.region, signature.service)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def unsigned_headers(signature, headers):
    """Headers that had to be signed and were not."""
    must = {"host"} | {name for name in headers if name.startswith("x-amz-")}
    return sorted(must - set(signature.signed_headers))
