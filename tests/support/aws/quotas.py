"""Service Quotas: the vCPU quotas of EC2."""
from errors import AwsError
from pages import cut
from registry import operation

CODES = {
    "L-1216C47A": ("Standard", "on-demand"),
    "L-34B43A08": ("Standard", "spot"),
    "L-DB2E81BA": ("G", "on-demand"),
    "L-3819A6DF": ("G", "spot"),
    "L-417A185B": ("P", "on-demand"),
    "L-7212CCBC": ("P", "spot"),
    "L-7295265B": ("X", "on-demand"),
    "L-E3A00192": ("X", "spot"),
    "L-74FC7D96": ("F", "on-demand"),
    "L-88CF9481": ("F", "spot"),
    "L-1945791B": ("Inf", "on-demand"),
    "L-B5D1601B": ("Inf", "spot"),
    "L-2C3B7624": ("Trn", "on-demand"),
    "L-6B0D517C": ("Trn", "spot"),
    "L-6E869C2A": ("DL", "on-demand"),
    "L-85EED4F7": ("DL", "spot"),
    "L-43DA4232": ("HighMemory", "on-demand"),
    "L-F7808C92": ("HPC", "on-demand"),
}
UNLIMITED = 100000.0


FARGATE = {"L-3032A538": ("Fargate", "on-demand"), "L-36FBB829": ("Fargate", "spot")}


def quota_answer(call, code):
    group, market = CODES.get(code) or FARGATE[code]
    kind = "Spot Instance Requests" if market == "spot" else "On-Demand instances"
    return {
        "ServiceCode": "ec2" if code in CODES else "fargate",
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)" if code in CODES else "AWS Fargate",
        "QuotaArn": call.region.arn("servicequotas", f"{'ec2' if code in CODES else 'fargate'}/{code}"),
        "QuotaCode": code,
        "QuotaName": f"{group}: all {kind}",
        "Value": float(call.region.ec2.quotas.get((group, market), UNLIMITED)),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


@operation("service-quotas", "GetServiceQuota")
def get_service_quota(call, parameters):
    known = {"ec2": CODES, "fargate": FARGATE}.get(parameters["ServiceCode"], {})
    if parameters["QuotaCode"] not in known:
        raise AwsError(
            "NoSuchResourceException",
            "The request failed because the specified quota does not exist.",
        )
    return {"Quota": quota_answer(call, parameters["QuotaCode"])}


@operation("service-quotas", "ListServiceQuotas")
def list_service_quotas(call, parameters):
    codes = sorted(CODES) if parameters["ServiceCode"] == "ec2" else []
    page, token = cut(
        call,
        codes,
        parameters.get("MaxResults", 100),
        parameters.get("NextToken"),
        "InvalidPaginationTokenException",
    )
    return {"Quotas": [quota_answer(call, code) for code in page], "NextToken": token}
