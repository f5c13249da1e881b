"""The wire: signatures, credentials, judged requests, errors, connections."""
import http.client
import time
import unittest

import answer
import models
import request_judge
import sigv4
from errors import AnswerFault
from harness import SUBNETS, DoubleTest
from identity import DEFAULT_KEY, DEFAULT_SECRET

VECTOR_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
VECTORS = (
    (
        "ec2",
        "us-east-1",
        {
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
            "host": "ec2.us-east-1.amazonaws.com",
            "x-amz-date": "20260115T120000Z",
        },
        b"Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=tag%3Abatch%2Fowner"
        b"&Filter.1.Value.1=prod-a",
        "0b3846ef63bdd30d0ccf6bfb6f4c68c167095c4972a55cf297353757c79c9e60",
    ),
    (
        "ecs",
        "cn-north-1",
        {
            "content-type": "application/x-amz-json-1.1",
            "host": "ecs.cn-north-1.amazonaws.com.cn",
            "x-amz-date": "20260115T120000Z",
            "x-amz-security-token": "SESSIONTOKENEXAMPLE==",
            "x-amz-target": "AmazonEC2ContainerServiceV20141113.DescribeTasks",
        },
        b'{"cluster":"ce1","tasks":["abc"]}',
        "b2e6359c088993f0db22ac1e3bcbab89b7d67d1967f75acfb75eb6a5aa083840",
    ),
)


def sign(service, region, headers, body, secret=VECTOR_SECRET):
    names = sorted(headers)
    canonical = sigv4.canonical_request("POST", "/", "", headers, names, body)
    date = headers["x-amz-date"]
    signature = sigv4.Signature("AKIDEXAMPLE", date[:8], region, service, ";".join(names), "")
    return sigv4.expected(secret, signature, date, canonical)


class Vectors(unittest.TestCase):
    def test_signatures(self):
        """the golden vectors of Signature Version 4"""
        for service, region, headers, body, wanted in VECTORS:
            self.assertEqual(sign(service, region, headers, body), wanted)


class Judging(unittest.TestCase):
    def faults(self, service, operation, pairs):
        model = models.operation(service, operation)
        parameters, faults = request_judge.read_query(models.protocol(service), model, pairs)
        return parameters, [(fault.kind, fault.path) for fault in faults]

    def test_names_of_ec2(self):
        """EC2's names on the wire are those of the model, with lists numbered"""
        pairs = [
            ("InstanceId.1", "i-1"),
            ("InstanceId.2", "i-2"),
            ("Filter.1.Name", "tag:a"),
            ("Filter.1.Value.1", "b"),
            ("MaxResults", "7"),
        ]
        parameters, faults = self.faults("ec2", "DescribeInstances", pairs)
        self.assertEqual(faults, [])
        wanted = {
            "InstanceIds": ["i-1", "i-2"],
            "Filters": [{"Name": "tag:a", "Values": ["b"]}],
            "MaxResults": 7,
        }
        self.assertEqual(parameters, wanted)

    def test_faults_of_ec2(self):
        """what is unknown, missing, twice, with gaps or of another type is told"""
        _, faults = self.faults("ec2", "DescribeInstances", [("InstanceIds.1", "i-1")])
        self.assertEqual(faults, [("unknown", "InstanceIds")])
        _, faults = self.faults("ec2", "DescribeInstances", [("InstanceId.2", "i-1")])
        self.assertEqual(faults, [("type", "InstanceId")])
        _, faults = self.faults("ec2", "RunInstances", [("MinCount", "one"), ("DryRun", "True")])
        self.assertEqual(
            sorted(faults), [("missing", "MaxCount"), ("type", "DryRun"), ("type", "MinCount")]
        )
        _, faults = self.faults(
            "ec2", "DescribeInstances", [("InstanceId.1", "a"), ("InstanceId.1", "b")]
        )
        self.assertEqual(faults, [("value", "")])

    def test_lists_of_query(self):
        """IAM's and STS's lists are NAME.member.N"""
        pairs = [
            ("PolicySourceArn", "arn:aws:iam::123456789012:role/r"),
            ("ActionNames.member.1", "ec2:RunInstances"),
        ]
        parameters, faults = self.faults("iam", "SimulatePrincipalPolicy", pairs)
        self.assertEqual((parameters["ActionNames"], faults), (["ec2:RunInstances"], []))
        _, faults = self.faults(
            "iam", "SimulatePrincipalPolicy", [pairs[0], ("ActionNames.1", "ec2:RunInstances")]
        )
        self.assertEqual(faults, [("type", "ActionNames")])

    def test_json(self):
        """JSON members are judged by name and type"""
        model = models.operation("ecs", "RunTask")
        _, faults = request_judge.read_json(model, b'{"taskDefinition":"f","count":"1","colour":1}')
        self.assertEqual(
            sorted((fault.kind, fault.path) for fault in faults),
            [("type", "count"), ("unknown", "colour")],
        )
        _, faults = request_judge.read_json(model, b'{"taskDefinition":"f","launchType":"MOON"}')
        self.assertEqual([(fault.kind, fault.path) for fault in faults], [("value", "launchType")])
        _, faults = request_judge.read_json(model, b"{")
        self.assertEqual([fault.kind for fault in faults], ["type"])

    def test_answers(self):
        """an answer with what the model does not know is a fault of the double"""
        model = models.operation("ecs", "ListClusters")
        with self.assertRaises(AnswerFault):
            answer.body_of("ecs", model, {"clusters": []}, "id")
        with self.assertRaises(AnswerFault):
            answer.body_of("ecs", model, {"clusterArns": [7]}, "id")
        _, body = answer.body_of("ecs", model, {"clusterArns": ["a"]}, "id")
        with self.assertRaises(AnswerFault):
            answer.read_back("ecs", model, {"clusterArns": ["b"]}, body)


class Signatures(DoubleTest):
    expects_violations = True

    def kinds(self):
        return [each["kind"] for each in self.control("violations")["violations"]]

    def test_wrong_secret(self):
        """a wrong secret is refused in each service's own way, and is a violation"""
        wrong = {"secret": "wrong"}
        self.refused("AuthFailure", self.client("ec2", **wrong).describe_instances, http_status=401)
        self.refused(
            "SignatureDoesNotMatch",
            self.client("sts", **wrong).get_caller_identity,
            http_status=403,
        )
        self.refused("InvalidSignatureException", self.client("ecs", **wrong).list_clusters)
        self.assertEqual(self.kinds(), ["signature"] * 3)

    def test_unknown_key(self):
        """an unknown access key is refused, and is none"""
        unknown = {"key": "AKIDUNKNOWN"}
        self.refused(
            "AuthFailure", self.client("ec2", **unknown).describe_instances, http_status=401
        )
        self.refused(
            "InvalidClientTokenId",
            self.client("sts", **unknown).get_caller_identity,
            http_status=403,
        )
        self.refused("UnrecognizedClientException", self.client("ecs", **unknown).list_clusters)
        self.assertEqual(self.kinds(), [])

    def test_token(self):
        """a session needs its token, and one that is over is refused"""
        arn = "arn:aws:iam::210987654321:role/muster"
        session = self.client("sts").assume_role(
            RoleArn=arn, RoleSessionName="session", DurationSeconds=900
        )["Credentials"]
        more = {"key": session["AccessKeyId"], "secret": session["SecretAccessKey"]}
        good = {**more, "token": session["SessionToken"]}
        identity = self.client("sts", **good).get_caller_identity()
        self.assertEqual(identity["Arn"], "arn:aws:sts::210987654321:assumed-role/muster/session")
        self.refused("UnrecognizedClientException", self.client("ecs", **more).list_clusters)
        self.refused(
            "AuthFailure",
            self.client("ec2", **{**more, "token": "other"}).describe_instances,
            http_status=401,
        )
        self.assertEqual(self.control("expire")["expired"], 1)
        self.refused("ExpiredTokenException", self.client("ecs", **good).list_clusters)
        self.refused(
            "ExpiredToken", self.client("sts", **good).get_caller_identity, http_status=403
        )
        self.refused("RequestExpired", self.client("ec2", **good).describe_instances)
        # Another account, so another world.
        self.client("ecs").create_cluster(clusterName="mine")

    def test_clock(self):
        """a clock that is off by more than five minutes is refused, with the time in Date"""
        self.control("clock", offset=600)
        error = self.refused("InvalidSignatureException", self.client("ecs").list_clusters)
        self.assertIn("Signature expired", error.response["Error"]["Message"])
        date = error.response["ResponseMetadata"]["HTTPHeaders"]["date"]
        told = time.mktime(time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone
        self.assertGreater(told - time.time(), 500)
        self.refused("RequestExpired", self.client("ec2").describe_instances)
        self.control("clock", offset=240)
        self.client("ecs").list_clusters()
        self.assertEqual(self.kinds(), [])

    def test_partitions(self):
        """ARNs are of the region's partition; a credential of another one is unknown there"""
        for region, partition in (
            ("cn-north-1", "aws-cn"),
            ("us-gov-east-1", "aws-us-gov"),
            ("eu-west-1", "aws"),
        ):
            arn = self.client("ecs", region=region).create_cluster(clusterName="c")["cluster"][
                "clusterArn"
            ]
            self.assertEqual(arn, f"arn:{partition}:ecs:{region}:123456789012:cluster/c")
            self.assertIn(
                f"arn:{partition}:", self.client("sts", region=region).get_caller_identity()["Arn"]
            )
        self.control("credential", accessKeyId="AKIDCHINA", secret="s", partition="aws-cn")
        self.client("ecs", region="cn-north-1", key="AKIDCHINA", secret="s").list_clusters()
        abroad = self.client("ecs", region="us-east-1", key="AKIDCHINA", secret="s")
        self.refused("UnrecognizedClientException", abroad.list_clusters)
        self.refused(
            "AccessDenied",
            self.client("sts", region="cn-north-1").assume_role,
            RoleArn="arn:aws:iam::1:role/r",
            RoleSessionName="session",
            http_status=403,
        )

    def raw(self, body=b"{}", change=None, secret=DEFAULT_SECRET, left_out=()):
        """(status, body) of a request of our own to ListClusters."""
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "host": f"127.0.0.1:{self.double.port}",
            "x-amz-date": date,
            "x-amz-target": "AmazonEC2ContainerServiceV20141113.ListClusters",
        }
        signed = {name: value for name, value in headers.items() if name not in left_out}
        signature = sign("ecs", "us-east-1", signed, body, secret)
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={DEFAULT_KEY}/{date[:8]}/us-east-1/ecs/aws4_request, "
            f"SignedHeaders={';'.join(sorted(signed))}, Signature={signature}"
        )
        headers.update(change or {})
        connection = http.client.HTTPConnection("127.0.0.1", self.double.port)
        connection.request(
            "POST", "/", body, {name: value for name, value in headers.items() if value}
        )
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        return reply.status, text

    def test_by_hand(self):
        """a request signed by hand goes through; changed or signed in part it does not"""
        self.assertEqual(self.raw()[0], 200)
        self.assertEqual(self.kinds(), [])
        self.assertIn(
            "InvalidSignature", self.raw(change={"x-amz-date": time.strftime("%Y%m%dT000000Z")})[1]
        )
        self.assertIn("InvalidSignature", self.raw(left_out=("x-amz-target",))[1])
        self.assertIn("MissingAuthenticationToken", self.raw(change={"authorization": None})[1])
        self.assertIn("UnknownOperation", self.raw(change={"x-amz-target": "AmazonECS.Nothing"})[1])

    def test_violations(self):
        """a request with an unknown member is refused, and kept as a violation"""
        self.assertIn("SerializationException", self.raw(b'{"colour":1}')[1])
        found = self.control("violations", clear=True)["violations"]
        self.assertEqual(
            [(each["kind"], each["operation"]) for each in found], [("parameters", "ListClusters")]
        )
        self.assertEqual(self.kinds(), [])
        self.refused("MissingParameter", self.client("ec2").run_instances, MinCount=1)
        self.assertEqual(self.kinds(), ["parameters"])


class Identities(DoubleTest):
    def test_web_identity(self):
        """AssumeRoleWithWebIdentity is taken without a signature"""
        import botocore
        import botocore.config
        from harness import CONFIG, SESSION

        config = botocore.config.Config(signature_version=botocore.UNSIGNED, **CONFIG)
        endpoint = f"http://127.0.0.1:{self.double.port}"
        client = SESSION.create_client(
            "sts", region_name="us-east-1", endpoint_url=endpoint, config=config
        )
        answer = client.assume_role_with_web_identity(
            RoleArn="arn:aws:iam::123456789012:role/r",
            RoleSessionName="web",
            WebIdentityToken="a-token",
        )["Credentials"]
        session = {
            "key": answer["AccessKeyId"],
            "secret": answer["SecretAccessKey"],
            "token": answer["SessionToken"],
        }
        self.assertIn(
            "assumed-role/r/web", self.client("sts", **session).get_caller_identity()["Arn"]
        )

    def test_roles(self):
        """roles that are refused, external ids, chained sessions of more than an hour"""
        sts = self.client("sts")
        arn = "arn:aws:iam::123456789012:role/r"
        self.control("external-id", roleArn=arn, externalId="secret-id")
        self.refused(
            "AccessDenied", sts.assume_role, RoleArn=arn, RoleSessionName="session", http_status=403
        )
        answer = sts.assume_role(RoleArn=arn, RoleSessionName="session", ExternalId="secret-id")[
            "Credentials"
        ]
        chained = self.client(
            "sts",
            key=answer["AccessKeyId"],
            secret=answer["SecretAccessKey"],
            token=answer["SessionToken"],
        )
        other = "arn:aws:iam::123456789012:role/other"
        self.refused(
            "ValidationError",
            chained.assume_role,
            RoleArn=other,
            RoleSessionName="session",
            DurationSeconds=7200,
        )
        self.control("deny", roles=["*:role/other"])
        self.refused(
            "AccessDenied",
            sts.assume_role,
            RoleArn=other,
            RoleSessionName="session",
            http_status=403,
        )

    def test_permissions(self):
        """an action that is denied is refused, and SimulatePrincipalPolicy says so"""
        self.control("deny", actions=["ec2:RunInstances", "ecs:*"])
        self.refused("AccessDeniedException", self.client("ecs").list_clusters)
        launch = {"MinCount": 1, "MaxCount": 1, "SubnetId": SUBNETS[0]}
        self.refused(
            "UnauthorizedOperation", self.client("ec2").run_instances, **launch, http_status=403
        )
        answer = self.client("iam").simulate_principal_policy(
            PolicySourceArn="arn:aws:iam::123456789012:user/tester",
            ActionNames=["ec2:RunInstances", "ec2:CreateFleet"],
        )
        decisions = [each["EvalDecision"] for each in answer["EvaluationResults"]]
        self.assertEqual(decisions, ["implicitDeny", "allowed"])

    def test_profiles(self):
        """instance profiles and roles: those that are there, and NoSuchEntity"""
        iam = self.client("iam")
        self.control("profile", name="hosts", role="host-role")
        profile = iam.get_instance_profile(InstanceProfileName="hosts")["InstanceProfile"]
        self.assertEqual(profile["Roles"][0]["RoleName"], "host-role")
        self.refused(
            "NoSuchEntity", iam.get_instance_profile, InstanceProfileName="none", http_status=404
        )
        iam.get_role(RoleName="AWSServiceRoleForEC2Spot")
        self.control("role", name="AWSServiceRoleForEC2Spot", delete=True)
        self.refused(
            "NoSuchEntity", iam.get_role, RoleName="AWSServiceRoleForEC2Spot", http_status=404
        )
