// The Batch API as the AWS SDK for JavaScript sees it: from an environment to a job's log and away again, paginators, the types of errors.
// TAP on stdout. MUSTER_ENDPOINT names the daemon; the key is in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
import assert from "node:assert/strict";
import * as sdk from "@aws-sdk/client-batch";
import { CloudWatchLogsClient, GetLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";

const settings = { endpoint: process.env.MUSTER_ENDPOINT, region: "us-east-1", maxAttempts: 10 };
const batch = new sdk.BatchClient(settings), logs = new CloudWatchLogsClient(settings);
const WAIT_MS = 60000;
const NEEDS = [{ type: "VCPU", value: "1" }, { type: "MEMORY", value: "16" }];
let points = 0, failed = 0;
const called = new Set();

const send = (name, members = {}) => {
    called.add(name);
    return batch.send(new sdk[`${name}Command`](members));
};

async function test(name, body) {
    points++;
    try {
        await body();
        console.log(`ok ${points} - ${name}`);
    } catch (error) {
        failed++;
        console.log(`not ok ${points} - ${name}`);
        console.log(String(error.stack ?? error).split("\n").slice(0, 12).map((line) => `# ${line}`).join("\n"));
    }
}

// An operation that this SDK does not know is a skip.
const known = (name, body) =>
    sdk[`${name}Command`] ? test(name, body) : console.log(`ok ${++points} - ${name} # SKIP this SDK does not know ${name}`);

async function ended(jobId) {
    for (const end = Date.now() + WAIT_MS; Date.now() < end; ) {
        const { jobs: [job] } = await send("DescribeJobs", { jobs: [jobId] });
        if (["SUCCEEDED", "FAILED"].includes(job.status)) return job;
    }
    throw new Error(`${jobId} did not end`);
}

async function fails(name, members, type, status, words) {
    await assert.rejects(send(name, members), (error) => {
        assert.ok(error instanceof type, `${error.name}: ${error.message}`);
        assert.equal(error.$metadata.httpStatusCode, status);
        assert.ok(error.$metadata.requestId, "no request id");
        assert.match(error.message, words);
        return true;
    });
}

const collect = async (pages, member) => {
    const all = [];
    for await (const page of pages) all.push(...page[member]);
    return all;
};

let definition, job, queue;

await test("an environment, a queue, a scheduling policy", async () => {
    const policy = await send("CreateSchedulingPolicy", { name: "fair", fairsharePolicy: { shareDistribution: [{ shareIdentifier: "a", weightFactor: 1 }] } });
    const made = await send("CreateComputeEnvironment", {
        computeEnvironmentName: "js", type: "MANAGED", tags: { team: "a" },
        computeResources: { type: "EC2", maxvCpus: 4, subnets: ["s"], instanceRole: "r", instanceTypes: ["optimal"] },
    });
    ({ jobQueueArn: queue } = await send("CreateJobQueue", {
        jobQueueName: "js", priority: 1, computeEnvironmentOrder: [{ order: 1, computeEnvironment: made.computeEnvironmentArn }],
    }));
    const { computeEnvironments: [environment] } = await send("DescribeComputeEnvironments", { computeEnvironments: ["js"] });
    assert.equal(environment.status, sdk.CEStatus.VALID);
    assert.deepEqual(environment.tags, { team: "a" });
    const { jobQueues } = await send("DescribeJobQueues", { jobQueues: ["js"] });
    assert.equal(jobQueues[0].jobQueueArn, queue);
    const { schedulingPolicies } = await send("DescribeSchedulingPolicies", { arns: [policy.arn] });
    assert.equal(schedulingPolicies[0].fairsharePolicy.shareDistribution[0].weightFactor, 1);
    assert.equal((await send("ListSchedulingPolicies")).schedulingPolicies.length, 1);
    await send("UpdateSchedulingPolicy", { arn: policy.arn, fairsharePolicy: { computeReservation: 5 } });
    await send("DeleteSchedulingPolicy", { arn: policy.arn });
    await send("UpdateJobQueue", { jobQueue: "js", priority: 5 });
});

await test("a definition, a job, its log", async () => {
    definition = await send("RegisterJobDefinition", {
        jobDefinitionName: "js", type: "container", parameters: { who: "you" }, retryStrategy: { attempts: 2 },
        containerProperties: { command: ["echo", "hello", "Ref::who"], resourceRequirements: NEEDS },
    });
    assert.equal(definition.revision, 1);
    const submitted = await send("SubmitJob", { jobName: "j", jobQueue: queue, jobDefinition: definition.jobDefinitionArn, parameters: { who: "ünïcode" } });
    job = await ended(submitted.jobId);
    assert.equal(job.status, sdk.JobStatus.SUCCEEDED);
    assert.equal(job.container.exitCode, 0);
    assert.equal(typeof job.createdAt, "number");
    assert.ok(job.startedAt >= job.createdAt && job.stoppedAt >= job.startedAt);
    const { events } = await logs.send(new GetLogEventsCommand({ logGroupName: "/aws/batch/job", logStreamName: job.container.logStreamName, startFromHead: true }));
    assert.deepEqual(events.map((event) => event.message), ["hello ünïcode"]);
});

await test("an array, and a job that depends on it", async () => {
    const array = await send("SubmitJob", { jobName: "array", jobQueue: "js", jobDefinition: "js", arrayProperties: { size: 3 } });
    const after = await send("SubmitJob", { jobName: "after", jobQueue: "js", jobDefinition: "js:1", dependsOn: [{ jobId: array.jobId }] });
    assert.equal((await ended(after.jobId)).status, "SUCCEEDED");
    const { jobs: [parent] } = await send("DescribeJobs", { jobs: [array.jobId] });
    assert.equal(parent.arrayProperties.statusSummary.SUCCEEDED, 3);
    const { jobSummaryList: children } = await send("ListJobs", { arrayJobId: array.jobId, jobStatus: "SUCCEEDED" });
    assert.deepEqual(children.map((child) => child.arrayProperties.index).sort(), [0, 1, 2]);
});

await test("paginators", async () => {
    for (let i = 0; i < 5; i++) await send("SubmitJob", { jobName: `page${i}`, jobQueue: "js", jobDefinition: "js" });
    const jobs = await collect(sdk.paginateListJobs({ client: batch, pageSize: 2 }, { jobQueue: "js", filters: [{ name: "JOB_NAME", values: ["page*"] }] }), "jobSummaryList");
    assert.deepEqual(jobs.map((each) => each.jobName).sort(), ["page0", "page1", "page2", "page3", "page4"]);
    for (let i = 0; i < 3; i++)
        await send("RegisterJobDefinition", { jobDefinitionName: `d${i}`, type: "container", containerProperties: { command: ["true"], resourceRequirements: NEEDS } });
    const definitions = await collect(sdk.paginateDescribeJobDefinitions({ client: batch, pageSize: 1 }, { status: "ACTIVE" }), "jobDefinitions");
    assert.deepEqual(definitions.map((each) => each.jobDefinitionName).sort(), ["d0", "d1", "d2", "js"]);
    assert.equal((await collect(sdk.paginateDescribeJobQueues({ client: batch, pageSize: 1 }, {}), "jobQueues")).length, 1);
    assert.equal((await collect(sdk.paginateDescribeComputeEnvironments({ client: batch, pageSize: 1 }, {}), "computeEnvironments")).length, 1);
});

await test("tags, in paths and queries", async () => {
    const resourceArn = definition.jobDefinitionArn;
    await send("TagResource", { resourceArn, tags: { "a b": "ä/&=", c: "d", e: "f" } });
    await send("UntagResource", { resourceArn, tagKeys: ["c", "e", "x&y=z"] });
    assert.deepEqual((await send("ListTagsForResource", { resourceArn })).tags, { "a b": "ä/&=" });
});

await test("cancel and terminate", async () => {
    const long = await send("SubmitJob", { jobName: "long", jobQueue: "js", jobDefinition: "js", containerOverrides: { command: ["sleep", "600"] } });
    await send("TerminateJob", { jobId: long.jobId, reason: "enough" });
    const gone = await ended(long.jobId);
    assert.equal(gone.status, "FAILED");
    assert.match(gone.statusReason, /enough/);
    await send("CancelJob", { jobId: long.jobId, reason: "again" });
});

await test("errors have their types", async () => {
    await fails("SubmitJob", { jobName: "j", jobQueue: "none", jobDefinition: "js" }, sdk.ClientException, 400, /Job queue none does not exist/);
    await fails("RegisterJobDefinition", { jobDefinitionName: "bad name", type: "container" }, sdk.ClientException, 400, /jobDefinitionName|name/);
    await fails("CreateJobQueue", { jobQueueName: "js", priority: 1, computeEnvironmentOrder: [{ order: 1, computeEnvironment: "js" }] }, sdk.ClientException, 409, /already exists/);
    const wrong = new sdk.BatchClient({ ...settings, credentials: { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: "wrong" } });
    await assert.rejects(wrong.send(new sdk.DescribeJobQueuesCommand({})), { name: "InvalidSignatureException" });
});

await known("GetJobQueueSnapshot", async () => assert.ok((await send("GetJobQueueSnapshot", { jobQueue: "js" })).frontOfQueue));
await known("CreateConsumableResource", async () => {
    await send("CreateConsumableResource", { consumableResourceName: "licence", totalQuantity: 3, resourceType: "REPLENISHABLE" });
    assert.equal((await send("DescribeConsumableResource", { consumableResource: "licence" })).availableQuantity, 3);
    await send("UpdateConsumableResource", { consumableResource: "licence", operation: "ADD", quantity: 2, clientToken: "t" });
    assert.equal((await collect(sdk.paginateListConsumableResources({ client: batch }, {}), "consumableResources"))[0].totalQuantity, 5);
    assert.deepEqual((await send("ListJobsByConsumableResource", { consumableResource: "licence" })).jobs, []);
    await send("DeleteConsumableResource", { consumableResource: "licence" });
});

await test("all of it goes away", async () => {
    await send("DeregisterJobDefinition", { jobDefinition: "js:1" });
    assert.equal((await send("DescribeJobDefinitions", { jobDefinitions: ["js:1"] })).jobDefinitions[0].status, "INACTIVE");
    await send("UpdateJobQueue", { jobQueue: "js", state: "DISABLED" });
    await send("DeleteJobQueue", { jobQueue: "js" });
    await send("UpdateComputeEnvironment", { computeEnvironment: "js", state: "DISABLED" });
    await send("DeleteComputeEnvironment", { computeEnvironment: "js" });
    for (const end = Date.now() + WAIT_MS; (await send("DescribeComputeEnvironments")).computeEnvironments.length; )
        assert.ok(Date.now() < end, "the environment stays");
});

console.log(`# ${called.size} operations were called`);
console.log(`1..${points}`);
process.exit(failed ? 1 : 0);
