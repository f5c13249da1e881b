"""The query language of ECS: which container instances a placement constraint or a filter means."""
import functools
import re

from errors import AwsError

TOKEN = re.compile(r"\s*(==|!=|>=|<=|=~|>|<|\(|\)|\[|\]|,|'[^']*'|\"[^\"]*\"|[^\s()\[\],=!<>~]+)")
OPERATORS = {
    "==": "==",
    "equals": "==",
    "!=": "!=",
    "not_equals": "!=",
    ">": ">",
    "greater_than": ">",
    ">=": ">=",
    "greater_than_equal": ">=",
    "<": "<",
    "less_than": "<",
    "<=": "<=",
    "less_than_equal": "<=",
    "=~": "=~",
    "matches": "=~",
    "!~": "!~",
}


class Parser:
    """Recursive descent; every rule returns a function of a container instance."""

    def __init__(self, text):
        self.text = text
        self.tokens = []
        at = 0
        text = text.strip()
        while at < len(text):
            found = TOKEN.match(text, at)
            if not found:
                raise self.error(f"{text[at:at + 20]!r} is not understood")
            self.tokens.append(found[1])
            at = found.end()
        self.at = 0

    def error(self, text):
        return AwsError("InvalidParameterException", f"Invalid expression {self.text!r}: {text}")

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, wanted=None):
        token = self.peek()
        if token is None or (wanted and token != wanted):
            raise self.error(f"{wanted or 'more'} is expected and {token!r} stands there")
        self.at += 1
        return token

    def whole(self):
        test = self.alternatives()
        if self.peek() is not None:
            raise self.error(f"{self.peek()!r} is too much")
        return test

    def alternatives(self):
        tests = [self.conjunction()]
        while self.peek() in ("or", "||"):
            self.take()
            tests.append(self.conjunction())
        return tests[0] if len(tests) == 1 else lambda host: any(test(host) for test in tests)

    def conjunction(self):
        tests = [self.negation()]
        while self.peek() in ("and", "&&"):
            self.take()
            tests.append(self.negation())
        return tests[0] if len(tests) == 1 else lambda host: all(test(host) for test in tests)

    def negation(self):
        if self.peek() in ("not", "!"):
            self.take()
            test = self.negation()
            return lambda host: not test(host)
        if self.peek() == "(":
            self.take()
            test = self.alternatives()
            self.take(")")
            return test
        return self.comparison()

    def comparison(self):
        subject = self.take()
        if subject == "exists":
            name = self.word()
            return lambda host: host.values(name) is not None
        word = self.peek()
        if word == "exists":
            self.take()
            return lambda host: host.values(subject) is not None
        if word in ("in", "not_in"):
            self.take()
            items = frozenset(self.items())
            if word == "in":
                return lambda host: bool(items & set(host.values(subject) or ()))
            return lambda host: not items & set(host.values(subject) or ())
        if word not in OPERATORS:
            raise self.error(f"an operator is expected and {word!r} stands there")
        self.take()
        return comparing(subject, OPERATORS[word], self.word())

    def items(self):
        self.take("[")
        found = [self.word()]
        while self.peek() == ",":
            self.take()
            found.append(self.word())
        self.take("]")
        return found

    def word(self):
        return self.take().strip("'\"")


def comparing(subject, operator, value):
    if operator == "==":
        return lambda host: value in (host.values(subject) or ())
    if operator == "!=":
        return lambda host: value not in (host.values(subject) or ())
    if operator in ("=~", "!~"):
        pattern = re.compile(value)
        return lambda host: any(pattern.search(each) for each in host.values(subject) or ()) == (
            operator == "=~"
        )
    return lambda host: any(ordered(operator, each, value) for each in host.values(subject) or ())


def ordered(operator, left, right):
    try:
        left, right = float(left), float(right)
    except ValueError:
        pass
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[
        operator
    ]


@functools.lru_cache(maxsize=20000)
def parse(text):
    """A function of a container instance; AwsError where the text is no expression."""
    return Parser(text).whole()


SINGLE = re.compile(r"\s*ec2InstanceId\s*(?:==|in)\s*\[?\s*['\"]?(i-[0-9a-f]+)['\"]?\s*\]?\s*")


def single_instance(text):
    """The EC2 instance that an expression names alone, so that none has to be searched for; or
    None."""
    found = SINGLE.fullmatch(text)
    return found[1] if found else None
