"""Accounts, credentials and roles: STS, and the little of IAM that a provider reads."""
import fnmatch
import json
import os
import secrets
import sys
import urllib.parse

import partition
from errors import AwsError
from registry import operation

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "deploy"))
import iam  # noqa: E402, policies as the tests of deploy/ read them

DEFAULT_ACCOUNT = "123456789012"
DEFAULT_KEY = "AKIDEXAMPLE"
DEFAULT_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
DEFAULT_PROFILE = "ecsInstanceRole"
SPOT_ROLE = "AWSServiceRoleForEC2Spot"
ECS_ROLE = "AWSServiceRoleForECS"
# Names of services in actions, where they differ from botocore's.
ACTION_NAMES = {"service-quotas": "servicequotas", "efs": "elasticfilesystem"}


class Credential:
    """partition: the one it works in, or None for each. expires: in time of the wire, or None.
    role: of an assumed one."""

    def __init__(
        self,
        access_key,
        secret,
        account,
        *,
        user="tester",
        role=None,
        session=None,
        token=None,
        expires=None,
        only_partition=None,
    ):
        self.access_key = access_key
        self.secret = secret
        self.account = account
        self.user = user
        self.role = role
        self.session = session
        self.token = token
        self.expires = expires
        self.partition = only_partition

    def arn(self, in_partition):
        if self.role:
            return partition.arn(
                in_partition, "sts", "", self.account, f"assumed-role/{self.role}/{self.session}"
            )
        return partition.arn(in_partition, "iam", "", self.account, f"user/{self.user}")


class Identity:
    """Everything about who calls; one for all accounts."""

    def __init__(self):
        self.credentials = {}
        self.profiles = {}  # (account, name) -> role name
        self.roles = {}  # (account, name) -> service-linked ones and those of the profiles
        self.refused_roles = []  # patterns of ARNs that may not be assumed
        self.external_ids = {}  # ARN of a role -> the id it asks for
        self.denied = []  # patterns of actions, as ec2:RunInstances
        self.attached = {}  # (account, role) -> policies of AWS's; none: that of hosts of ECS
        self.trusted = {}  # (account, role) -> service; none: EC2
        self.simulated = None  # a policy that the simulator decides by
        self.session_seconds = None  # a test's cap on the lifetime of sessions
        self.add(Credential(DEFAULT_KEY, DEFAULT_SECRET, DEFAULT_ACCOUNT))

    def add(self, credential):
        self.credentials[credential.access_key] = credential
        self.profiles.setdefault((credential.account, DEFAULT_PROFILE), DEFAULT_PROFILE)
        self.roles.setdefault(
            (credential.account, SPOT_ROLE), "aws-service-role/spot.amazonaws.com/"
        )
        self.roles.setdefault((credential.account, ECS_ROLE), "aws-service-role/ecs.amazonaws.com/")
        return credential

    def is_denied(self, service, name):
        action = f"{ACTION_NAMES.get(service, service)}:{name}"
        return any(fnmatch.fnmatchcase(action, pattern) for pattern in self.denied)

    def open_session(self, account, role, session, seconds, now, in_partition):
        lifetime = (
            min(seconds, self.session_seconds) if self.session_seconds is not None else seconds
        )
        return self.add(
            Credential(
                "ASIA" + secrets.token_hex(8).upper(),
                secrets.token_urlsafe(30),
                account,
                role=role,
                session=session,
                token=secrets.token_urlsafe(60),
                expires=now + lifetime,
                only_partition=in_partition,
            )
        )


def role_of(arn):
    """(partition, account, role name) of a role's ARN; AwsError where it is none."""
    parts = arn.split(":")
    if (
        len(parts) != 6
        or parts[0] != "arn"
        or parts[2] != "iam"
        or not parts[5].startswith("role/")
    ):
        raise AwsError("ValidationError", f"{arn} is invalid")
    return parts[1], parts[4], parts[5].rsplit("/", 1)[1]


def session_answer(credential, in_partition):
    return {
        "Credentials": {
            "AccessKeyId": credential.access_key,
            "SecretAccessKey": credential.secret,
            "SessionToken": credential.token,
            "Expiration": int(credential.expires),
        },
        "AssumedRoleUser": {
            "AssumedRoleId": f"AROA{credential.account}:{credential.session}",
            "Arn": credential.arn(in_partition),
        },
    }


@operation("sts", "GetCallerIdentity")
def get_caller_identity(call, parameters):
    credential = call.credential
    return {
        "UserId": f"AROA{credential.account}:{credential.session}"
        if credential.role
        else f"AIDA{credential.account}",
        "Account": credential.account,
        "Arn": credential.arn(call.region.partition),
    }


@operation("sts", "AssumeRole")
def assume_role(call, parameters):
    identity = call.double.identity
    arn = parameters["RoleArn"]
    in_partition, account, role = role_of(arn)
    denied = AwsError(
        "AccessDenied",
        f"User: {call.credential.arn(call.region.partition)} is not authorized to perform: "
        f"sts:AssumeRole on resource: {arn}",
        403,
    )
    if in_partition != call.region.partition or any(
        fnmatch.fnmatchcase(arn, p) for p in identity.refused_roles
    ):
        raise denied
    if arn in identity.external_ids and parameters.get("ExternalId") != identity.external_ids[arn]:
        raise denied
    seconds = parameters.get("DurationSeconds", 3600)
    if call.credential.role and seconds > 3600:
        raise AwsError(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining",
        )
    credential = identity.open_session(
        account,
        role,
        parameters["RoleSessionName"],
        seconds,
        call.double.clock.wire_now(),
        in_partition,
    )
    return session_answer(credential, in_partition)


@operation("sts", "AssumeRoleWithWebIdentity")
def assume_role_with_web_identity(call, parameters):
    identity = call.double.identity
    in_partition, account, role = role_of(parameters["RoleArn"])
    if parameters["WebIdentityToken"] in identity.denied:
        raise AwsError(
            "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider"
        )
    if any(fnmatch.fnmatchcase(parameters["RoleArn"], p) for p in identity.refused_roles):
        raise AwsError(
            "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403
        )
    credential = identity.open_session(
        account,
        role,
        parameters["RoleSessionName"],
        parameters.get("DurationSeconds", 3600),
        call.double.clock.wire_now(),
        in_partition,
    )
    return {
        **session_answer(credential, in_partition),
        "SubjectFromWebIdentityToken": "subject",
        "Provider": "double",
    }


@operation("iam", "GetInstanceProfile")
def get_instance_profile(call, parameters):
    name = parameters["InstanceProfileName"]
    account = call.credential.account
    role = call.double.identity.profiles.get((account, name))
    if role is None:
        raise AwsError("NoSuchEntity", f"Instance Profile {name} cannot be found.", 404)
    return {
        "InstanceProfile": {
            "Path": "/",
            "InstanceProfileName": name,
            "InstanceProfileId": "AIPA" + account,
            "Arn": partition.arn(
                call.region.partition, "iam", "", account, f"instance-profile/{name}"
            ),
            "CreateDate": 1700000000,
            "Roles": [role_answer(call, role, "")],
        }
    }


def trusted_by(call, role):
    own = "ec2.amazonaws.com.cn" if call.region.partition == "aws-cn" else "ec2.amazonaws.com"
    return call.double.identity.trusted.get((call.credential.account, role), own)


def role_answer(call, name, path):
    return {
        "Path": f"/{path}",
        "RoleName": name,
        "RoleId": "AROA" + call.credential.account,
        "Arn": partition.arn(
            call.region.partition, "iam", "", call.credential.account, f"role/{path}{name}"
        ),
        "CreateDate": 1700000000,
        "AssumeRolePolicyDocument": urllib.parse.quote(
            json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": trusted_by(call, name)},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                }
            )
        ),
    }


@operation("iam", "GetRole")
def get_role(call, parameters):
    name = parameters["RoleName"]
    account = call.credential.account
    identity = call.double.identity
    path = identity.roles.get((account, name))
    if path is None and name not in [
        role for (owner, _), role in identity.profiles.items() if owner == account
    ]:
        raise AwsError("NoSuchEntity", f"The role with name {name} cannot be found.", 404)
    return {"Role": role_answer(call, name, path or "")}


def decision(call, action, resource, context):
    identity = call.double.identity
    if any(fnmatch.fnmatchcase(action, pattern) for pattern in identity.denied):
        return "implicitDeny"
    if identity.simulated and not iam.allows(identity.simulated, action, resource, context):
        return "implicitDeny"
    return "allowed"


def simulated(call, action, resources, context):
    """Of several resources each has its own decision, and the action's is the worst."""
    decisions = {each: decision(call, action, each, context) for each in resources}
    is_allowed = set(decisions.values()) == {"allowed"}
    return {
        "EvalActionName": action,
        "EvalResourceName": resources[0],
        "EvalDecision": "allowed" if is_allowed else "implicitDeny",
        "MatchedStatements": [],
        "MissingContextValues": [],
        "ResourceSpecificResults": [
            {"EvalResourceName": each, "EvalResourceDecision": decisions[each]}
            for each in resources
        ]
        if len(resources) > 1
        else [],
    }


@operation("iam", "SimulatePrincipalPolicy")
def simulate_principal_policy(call, parameters):
    kind = parameters["PolicySourceArn"].split(":", 5)[-1].split("/")[0]
    if kind not in ("user", "role", "group"):
        raise AwsError("InvalidInput", f"Invalid Entity Arn: {parameters['PolicySourceArn']}")
    asked = parameters["PolicySourceArn"].split(":", 5)[-1].removeprefix("role/")
    path = call.double.identity.roles.get((call.credential.account, asked.rsplit("/", 1)[-1]))
    if kind == "role" and path is not None and asked != path + asked.rsplit("/", 1)[-1]:
        raise AwsError("NoSuchEntity", f"Role {asked} cannot be found.", 404)
    context = {
        entry["ContextKeyName"]: entry["ContextKeyValues"][0]
        for entry in parameters.get("ContextEntries", ())
    }
    resources = parameters.get("ResourceArns") or ["*"]
    return {
        "EvaluationResults": [
            simulated(call, action, resources, context) for action in parameters["ActionNames"]
        ],
        "IsTruncated": False,
    }
