"""Uses AWS Batch: registers, submits, waits, reads logs. Prints what came of it; exit 1 where a job failed."""
import os
import sys
import time

try:
    import boto3

    make_client = boto3.client
except ImportError:  # what it stands on does the same
    import botocore.session

    make_client = botocore.session.get_session().create_client

QUEUE = "work"
ENDED = ("SUCCEEDED", "FAILED")
AT_ONCE = 100  # ids of one DescribeJobs


def client(service):
    # boto3 reads AWS_ENDPOINT_URL_<SERVICE> itself since 1.28; older ones have to be told.
    variable = {"batch": "BATCH", "logs": "CLOUDWATCH_LOGS"}[service]
    return make_client(service, endpoint_url=os.environ[f"AWS_ENDPOINT_URL_{variable}"])


def register(batch):
    answer = batch.register_job_definition(
        jobDefinitionName="square",
        type="container",
        parameters={"what": "square"},
        containerProperties={
            "image": "busybox",
            "command": ["sh", "-c", "i=${AWS_BATCH_JOB_ARRAY_INDEX:-0}; echo Ref::what of $i is $((i * i))"],
            "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}],
        },
        retryStrategy={"attempts": 2},
        timeout={"attemptDurationSeconds": 60},
    )
    return answer["jobDefinitionArn"]


def submit(batch, name, definition, **more):
    answer = batch.submit_job(jobName=name, jobQueue=QUEUE, jobDefinition=definition, **more)
    return answer["jobId"]


def described(batch, ids):
    jobs = []
    for at in range(0, len(ids), AT_ONCE):
        jobs += batch.describe_jobs(jobs=ids[at : at + AT_ONCE])["jobs"]
    return jobs


def wait(batch, ids):
    pause = 0.2
    while True:
        jobs = described(batch, ids)
        if all(job["status"] in ENDED for job in jobs):
            return jobs
        time.sleep(pause)
        pause = min(pause * 1.5, 10)


def lines(logs, job):
    for attempt in job["attempts"]:
        request = {
            "logGroupName": "/aws/batch/job",
            "logStreamName": attempt["container"]["logStreamName"],
            "startFromHead": True,
        }
        token = None
        while True:
            answer = logs.get_log_events(**request, **({"nextToken": token} if token else {}))
            for event in answer["events"]:
                yield event["message"]
            if answer["nextForwardToken"] == token:
                break
            token = answer["nextForwardToken"]


def main():
    batch, logs = client("batch"), client("logs")
    definition = register(batch)
    array = submit(batch, "squares", definition, arrayProperties={"size": 4})
    last = submit(
        batch,
        "after",
        definition,
        dependsOn=[{"jobId": array}],
        containerOverrides={"command": ["echo", "all squares are there"]},
    )
    wait(batch, [array, last])
    jobs = described(batch, [f"{array}:{index}" for index in range(4)] + [last])
    for job in jobs:
        print(job["jobName"], job["status"])
        for line in lines(logs, job):
            print("  " + line)
    return 0 if all(job["status"] == "SUCCEEDED" for job in jobs) else 1


if __name__ == "__main__":
    sys.exit(main())
