"""As much of Terraform's language as roles.tf and events.tf use: blocks, strings with ${}, numbers, lists, objects, a condition, for_each, five functions."""
import json
import os
import re

TOKEN = re.compile(
    r"""\s*(?:\#[^\n]*\s*)*(?:(?P<word>[A-Za-z_][\w-]*)|(?P<text>"(?:[^"\\$]|\\.|\$(?!\{)|\$\{[^}]*\})*")|(?P<number>\d+)|(?P<sign>==|[-{}\[\]()=?:,.]))"""
)


class Reader:
    def __init__(self, text):
        self.tokens = []
        at = 0
        while text[at:].strip():
            match = TOKEN.match(text, at)
            if not match:
                if not re.sub(r"#[^\n]*", "", text[at:]).strip():
                    break
                raise SyntaxError(text[at : at + 40])
            self.tokens.append((match.lastgroup, match.group(match.lastgroup)))
            at = match.end()
        self.at = 0

    def peek(self, ahead=0):
        at = self.at + ahead
        return self.tokens[at][1] if at < len(self.tokens) else None

    def take(self, expected=None):
        kind, text = self.tokens[self.at]
        if expected and text != expected:
            raise SyntaxError(f"{text} instead of {expected}")
        self.at += 1
        return kind, text

    def body(self, end):
        """[("=", name, expression) or (type, labels, body)]"""
        items = []
        while self.peek() != end:
            name = self.take()[1]
            if self.peek() == "=":
                self.take()
                items.append(("=", name, self.expression()))
                continue
            labels = []
            while self.peek() != "{":
                labels.append(self.take()[1].strip('"'))
            self.take("{")
            items.append((name, labels, self.body("}")))
            self.take("}")
        return items

    def expression(self):
        value = self.operand()
        if self.peek() == "==":
            self.take()
            value = ("equals", value, self.operand())
        if self.peek() == "?":
            self.take()
            yes = self.expression()
            self.take(":")
            return ("if", value, yes, self.expression())
        return value

    def operand(self):
        kind, text = self.take()
        if kind == "text":
            return ("text", text[1:-1])
        if kind == "number":
            return ("number", int(text))
        if text == "[":
            return ("list", self.until("]"))
        if text == "{":
            return ("object", self.members())
        if self.peek() == "(":
            self.take()
            return ("call", text, self.until(")"))
        path = [text]
        while self.peek() == ".":
            self.take()
            path.append(self.take()[1])
        return ("path", path)

    def until(self, end):
        items = []
        while self.peek() != end:
            items.append(self.expression())
            if self.peek() == ",":
                self.take()
        self.take(end)
        return items

    def members(self):
        members = {}
        while self.peek() != "}":
            name = self.take()[1].strip('"')
            self.take("=")
            members[name] = self.expression()
            if self.peek() == ",":
                self.take()
        self.take("}")
        return members


class Module:
    def __init__(
        self,
        path,
        variables,
        partition="aws",
        suffix="amazonaws.com",
        account="123456789012",
        region="us-east-1",
    ):
        with open(path, encoding="utf-8") as file:
            blocks = Reader(file.read()).body(None)
        self.folder = os.path.dirname(path)
        self.partition = partition
        self.account = account
        self.region = region
        self.known = {
            "path": {"module": self.folder},
            "data": {
                "aws_partition": {"current": {"partition": partition, "dns_suffix": suffix}},
                "aws_caller_identity": {"current": {"account_id": account}},
                "aws_region": {"current": {"name": region}},
            },
        }
        self.blocks = {
            (block[0], *block[1]): {name: value for sign, name, value in block[2] if sign == "="}
            for block in blocks
        }
        self.known["var"] = {
            labels[1]: variables.get(
                labels[1], self.value(body["default"]) if "default" in body else None
            )
            for labels, body in self.blocks.items()
            if labels[0] == "variable"
        }

    def is_made(self, labels):
        """A resource with for_each is made where that is not empty; one of another's, where the other is."""
        each = self.blocks[labels].get("for_each")
        if each is None:
            return True
        if each[0] == "path" and each[1][0].startswith("aws_"):
            return self.is_made(("resource", *each[1]))
        return bool(self.value(each))

    def attributes(self, labels):
        body = dict(self.blocks[labels])
        each = body.pop("for_each", None)
        if each and each[0] == "path":
            self.known["each"] = {"value": {"arn": self.look_up([*each[1], "arn"])}}
        return {name: self.value(value) for name, value in body.items()}

    def resources(self, kind):
        return {
            labels[2]: self.attributes(labels)
            for labels in self.blocks
            if labels[:2] == ("resource", kind) and self.is_made(labels)
        }

    def look_up(self, path):
        if path == ["true"] or path == ["false"]:
            return path == ["true"]
        if path[0] == "local":
            return self.value(self.blocks[("locals",)][path[1]])
        if path[0].startswith("aws_"):
            body = self.blocks[("resource", path[0], path[1])]
            name = self.value(body["name"])
            regional = {"aws_sqs_queue": "sqs", "aws_cloudwatch_event_rule": "events"}
            if path[0] in regional and path[2] in ("arn", "url"):
                prefix = "rule/" if regional[path[0]] == "events" else ""
                place = f"{self.partition}:{regional[path[0]]}:{self.region}:{self.account}"
                return f"arn:{place}:{prefix}{name}" if path[2] == "arn" else f"url of {name}"
            if path[2] == "arn":
                kind = {
                    "aws_iam_role": "role",
                    "aws_iam_policy": "policy",
                    "aws_iam_instance_profile": "instance-profile",
                }[path[0]]
                return f"arn:{self.partition}:iam::{self.account}:{kind}/{name}"
            return self.value(body[path[2]])
        found = self.known
        for part in path:
            found = found[part]
        return found

    def text(self, template):
        plain = re.sub(
            r"\$\{([^}]*)\}",
            lambda match: str(self.value(Reader(match.group(1)).expression())),
            template,
        )
        return plain.replace('\\"', '"').replace("\\\\", "\\")

    def call(self, name, given):
        if name == "jsonencode":
            return json.dumps(given[0])
        if name == "toset":
            return given[0]
        if name == "concat":
            return sum(given, [])
        if name == "file":
            with open(given[0], encoding="utf-8") as file:
                return file.read()
        if name == "replace":
            if given[1].startswith("/") and given[1].endswith("/"):
                raise SyntaxError("replace() with a pattern")
            return given[0].replace(given[1], given[2])
        raise SyntaxError(name)

    def value(self, expression):
        kind = expression[0]
        if kind == "text":
            return self.text(expression[1])
        if kind == "number":
            return expression[1]
        if kind == "list":
            return [self.value(item) for item in expression[1]]
        if kind == "object":
            return {name: self.value(item) for name, item in expression[1].items()}
        if kind == "call":
            return self.call(expression[1], [self.value(item) for item in expression[2]])
        if kind == "path":
            return self.look_up(expression[1])
        if kind == "equals":
            return self.value(expression[1]) == self.value(expression[2])
        return self.value(expression[2 if self.value(expression[1]) else 3])
