"""Cuts lists into pages. A token names the list and the last item, so that items may come and go
between pages."""
import base64
import fnmatch
import re

from errors import AwsError


def write_token(name, last):
    return base64.urlsafe_b64encode(f"{name}:{last}".encode()).decode()


def read_token(name, token, code):
    try:
        listed, last = base64.urlsafe_b64decode(token.encode()).decode().split(":")
        if listed == name:
            return int(last)
    except ValueError:
        pass
    raise AwsError(code, f"The token '{token[:80]}' is not valid")


def cut(call, items, limit, token, bad_token="InvalidParameterValue"):
    """(page, next token or None). Items have seq, rising, or are numbered by their place."""
    after = read_token(call.name, token, bad_token) if token else 0
    most = call.double.settings["pageMax"]
    limit = min(limit, most) if most else limit
    page = []
    for at, item in enumerate(items, 1):
        seq = getattr(item, "seq", at)
        if seq <= after:
            continue
        if len(page) == limit:
            return [entry for _, entry in page], write_token(call.name, page[-1][0])
        page.append((seq, item))
    return [entry for _, entry in page], None


def wildcard(pattern):
    """A test of a filter's value: * and ? as EC2 has them."""
    if "*" not in pattern and "?" not in pattern:
        return pattern.__eq__
    text = fnmatch.translate(pattern.replace("[", "[[]"))
    return re.compile(text).fullmatch


def matches(value_lists, filters, code="InvalidParameterValue"):
    """Whether an item passes. value_lists: {filter name: its values}, or a function of the name;
    all filters have to match."""
    for each in filters or ():
        values = (
            value_lists(each["Name"]) if callable(value_lists) else value_lists.get(each["Name"])
        )
        if values is None:
            raise AwsError(code, f"The filter '{each['Name']}' is invalid")
        tests = [wildcard(pattern) for pattern in each.get("Values", ())]
        if not any(test(value) for test in tests for value in values):
            return False
    return True


def tag_filter(tags, name):
    """Values of tag:KEY and tag-key; None where name is neither."""
    if name.startswith("tag:"):
        key = name[4:]
        return [tags[key]] if key in tags else []
    return list(tags) if name == "tag-key" else None
