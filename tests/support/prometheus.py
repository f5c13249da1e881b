#!/usr/bin/python3
"""prometheus.py: a strict reader of Prometheus' text format (0.0.4), for tests.

    prometheus.py check FILE              every rule; says what is wrong and exits with 1
    prometheus.py value FILE NAME [LABEL=VALUE…]   the sum of the samples that have these labels; nothing: there is none
    prometheus.py families FILE           names of families that have samples, one a line
    prometheus.py queries FILE NAMES      metric names in a dashboard or in rules that are in none of the families of NAMES
    prometheus.py documented FILE NAMES   of the tables of a document: families that are in one and not in the other

Stricter than the format: each family has HELP and TYPE, once and before its samples, which stand together; no series
stands there twice; counters end in _total and nothing else does; units are base units; buckets only grow and end with +Inf,
which is the count.
"""
import json
import re
import sys

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]+)?(?:e[-+]?[0-9]+)?|Inf)|NaN")
BAD_UNITS = re.compile(r"_(ms|us|minutes|hours|milliseconds|microseconds|kib|mib|gib|kilobytes|percent)(_|$)")
PARTS = ("_bucket", "_sum", "_count")
LABELS_MAX = 5


class Wrong(Exception):
    pass


def split_labels(text):
    labels, at = [], 0
    while at < len(text):
        match = LABEL.match(text, at)
        if not match:
            raise Wrong(f"no label: {text[at:]}")
        labels.append((match[1], re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], match[2])))
        at = match.end()
        if at < len(text):
            if text[at] != ",":
                raise Wrong(f"no comma: {text[at:]}")
            at += 1
    names = [name for name, _ in labels]
    if len(set(names)) != len(names):
        raise Wrong("a label stands there twice")
    return labels


def split_sample(line):
    name = NAME.match(line)
    if not name:
        raise Wrong("no name")
    at, labels = name.end(), []
    if line[at : at + 1] == "{":
        end = re.compile(r'(?:[^"}]|"(?:[^"\\]|\\.)*")*\}').match(line, at + 1)
        if not end:
            raise Wrong("the labels have no end")
        labels = split_labels(line[at + 1 : end.end() - 1])
        at = end.end()
    value = line[at:]
    if value[:1] != " " or not NUMBER.fullmatch(value[1:]):
        raise Wrong(f"no number: {value!r}")
    return name[0], labels, float(value[1:])


class Family:
    def __init__(self, name, help_text):
        self.name, self.help, self.type, self.samples = name, help_text, None, []

    def part_of(self, name):
        """What a sample of this name is of it; None: it is another family's."""
        if self.type == "histogram":
            return next((part for part in PARTS if name == self.name + part), None)
        return "" if name == self.name else None


def read(path):
    """The families, in their order."""
    text = open(path, encoding="utf-8").read()
    if not text.endswith("\n"):
        raise Wrong("the last line has no end")
    families, seen = {}, set()
    family = None
    for number, line in enumerate(text[:-1].split("\n"), 1):
        try:
            if line.startswith("# HELP "):
                _, _, name, help_text = line.split(" ", 3)
                if name in families:
                    raise Wrong("a family begins twice")
                family = families[name] = Family(name, help_text)
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                if not family or family.name != name or family.type or family.samples:
                    raise Wrong("TYPE has to follow its HELP")
                if kind not in ("counter", "gauge", "histogram"):
                    raise Wrong("another type")
                family.type = kind
            elif line.startswith("#") or not line.strip():
                raise Wrong("no sample")
            else:
                name, labels, value = split_sample(line)
                if not family or not family.type or family.part_of(name) is None:
                    raise Wrong("a sample of another family")
                if (name, tuple(sorted(labels))) in seen:
                    raise Wrong("a series stands there twice")
                seen.add((name, tuple(sorted(labels))))
                family.samples.append((family.part_of(name), labels, value))
        except (Wrong, ValueError) as wrong:
            raise Wrong(f"line {number}: {wrong}: {line}") from None
    return families


def check_buckets(family):
    series = {}
    for part, labels, value in family.samples:
        key = tuple(pair for pair in labels if pair[0] != "le")
        series.setdefault(key, {"_bucket": []})
        if part == "_bucket":
            series[key][part].append((dict(labels)["le"], value))
        else:
            series[key][part] = value
    for key, parts in series.items():
        bounds = [float(bound) for bound, _ in parts["_bucket"]]
        counts = [value for _, value in parts["_bucket"]]
        if bounds != sorted(set(bounds)) or parts["_bucket"][-1][0] != "+Inf":
            raise Wrong(f"{family.name}{key}: its bounds do not grow up to +Inf")
        if counts != sorted(counts) or counts[-1] != parts["_count"] or parts["_sum"] < 0:
            raise Wrong(f"{family.name}{key}: its buckets do not add up")


def check(path):
    families = read(path)
    for family in families.values():
        if not family.help or not family.type:
            raise Wrong(f"{family.name}: HELP and TYPE belong to it")
        if (family.type == "counter") != family.name.endswith("_total"):
            raise Wrong(f"{family.name}: counters, and only they, end in _total")
        if BAD_UNITS.search(family.name) or family.name.endswith(("_sum", "_count", "_bucket")):
            raise Wrong(f"{family.name}: not a base unit")
        if family.type == "histogram" and not family.name.endswith("_seconds"):
            raise Wrong(f"{family.name}: of what?")
        if family.type == "histogram":
            check_buckets(family)
        for part, labels, value in family.samples:
            if len(labels) > LABELS_MAX or value != value or (family.type == "counter" and value < 0):
                raise Wrong(f"{family.name}: {labels} {value}")
    return families


def sample_names(families):
    for family in families.values():
        if family.type == "histogram":
            yield from (family.name + part for part in PARTS)
        else:
            yield family.name


def queries_of(value, name=None):
    """Texts below members that hold queries, wherever they stand."""
    if isinstance(value, dict):
        for member, inner in value.items():
            yield from queries_of(inner, member if member in ("expr", "query", "definition") else name)
    elif isinstance(value, list):
        for item in value:
            yield from queries_of(item, name)
    elif isinstance(value, str) and name:
        yield value


def load(path):
    """A document of JSON or YAML."""
    text = open(path, encoding="utf-8").read()
    if path.endswith(".json"):
        return json.loads(text)
    import yaml

    return yaml.safe_load(text)


def main(command, path, *rest):
    if command == "check":
        check(path)
    elif command == "families":
        for family in read(path).values():
            if family.samples:
                print(family.name)
    elif command == "value":
        name, wanted = rest[0], dict(pair.split("=", 1) for pair in rest[1:])
        found = [
            value
            for family in read(path).values()
            for part, labels, value in family.samples
            if family.name + part == name and wanted.items() <= dict(labels).items()
        ]
        if found:
            print(f"{sum(found):.6f}".rstrip("0").rstrip("."))
    elif command == "queries":
        used = {name for one in queries_of(load(path)) for name in re.findall(r"\b(?:muster|process)_[a-z0-9_]+\b", one)}
        known = set(sample_names(read(rest[0])))
        if not used:
            raise Wrong("there are no queries")
        for name in sorted(used - known):
            print(name)
    elif command == "documented":
        rows = re.findall(r"^\| (`[^|]*) \|", open(path, encoding="utf-8").read(), re.M)
        told = {name for row in rows for name in re.findall(r"`((?:muster|process)_[a-z0-9_]+)`", row)}
        families = read(rest[0])
        for name in sorted(told ^ set(families)):
            print(name, "is not there" if name in told else "is not told")
    else:
        raise Wrong(__doc__)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        sys.exit(1)
