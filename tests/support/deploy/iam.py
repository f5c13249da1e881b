"""Policies of IAM: what one allows. Only what is used here: Allow, wildcards, StringEquals and StringLike.

Source: IAM's "Policy evaluation logic" and "Condition operators"."""
import re


def as_list(value):
    return value if isinstance(value, list) else [value]


def is_like(pattern, text, ignore_case=False):
    parts = re.split(r"([*?])", pattern)
    expression = "".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(expression, text, re.S | (re.I if ignore_case else 0)) is not None


def is_arn_like(pattern, arn):
    """Each of the first five parts by itself; the sixth, where colons are text, as a whole."""
    if pattern == "*":
        return True
    patterns, parts = pattern.split(":", 5), arn.split(":", 5)
    return len(patterns) == len(parts) and all(map(is_like, patterns, parts))


def meets(condition, context):
    for operator, keys in condition.items():
        test = {"StringLike": is_like, "StringEquals": lambda want, is_: want == is_}[operator]
        for key, wanted in keys.items():
            if key not in context or not any(test(want, context[key]) for want in as_list(wanted)):
                return False
    return True


def allows(policy, action, resource, context=None):
    for statement in policy["Statement"]:
        if (
            statement["Effect"] == "Allow"
            and any(is_like(pattern, action, True) for pattern in as_list(statement["Action"]))
            and any(is_arn_like(pattern, resource) for pattern in as_list(statement["Resource"]))
            and meets(statement.get("Condition", {}), context or {})
        ):
            return True
    return False


def actions(policy):
    return [action for statement in policy["Statement"] for action in as_list(statement["Action"])]


def canonical(policy):
    """Whatever way it is written; of this account and partition as of all."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        value = re.sub(r"^arn:aws[a-z-]*:", "arn:*:", str(value))
        return value.replace(":iam::123456789012:", ":iam::*:")

    statements = []
    for statement in policy["Statement"]:
        said = plain(statement)
        for key in ("Action", "Resource"):
            if key in said:
                said[key] = sorted(as_list(said[key]))
        said["Condition"] = {
            operator: {key: sorted(as_list(values)) for key, values in keys.items()}
            for operator, keys in said.get("Condition", {}).items()
        }
        statements.append(said)
    return {
        "Version": policy["Version"],
        "Statement": sorted(statements, key=lambda said: said.get("Sid", str(said))),
    }
