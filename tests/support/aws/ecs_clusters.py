"""Clusters and container instances."""
import re

from ecs_definitions import page_size
from ecs_state import Cluster, as_tags, read_tags
from errors import AwsError
from pages import cut
import placement
from registry import operation


def cluster_answer(cluster, include=("TAGS", "SETTINGS")):
    counts = cluster.task_counts()
    return {
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": cluster.status,
        "registeredContainerInstancesCount": sum(
            host.status in ("ACTIVE", "DRAINING") for host in cluster.hosts.values()
        ),
        "runningTasksCount": counts["RUNNING"],
        "pendingTasksCount": counts["PROVISIONING"] + counts["PENDING"] + counts["ACTIVATING"],
        "activeServicesCount": 0,
        "statistics": [],
        "tags": as_tags(cluster.tags) if "TAGS" in include else [],
        "settings": cluster.settings if "SETTINGS" in include else [],
        "capacityProviders": cluster.providers,
        "defaultCapacityProviderStrategy": cluster.strategy,
    }


@operation("ecs", "CreateCluster")
def create_cluster(call, parameters):
    name = parameters.get("clusterName", "default")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", name):
        raise AwsError("InvalidParameterException", "Cluster name contains invalid characters")
    ecs = call.region.ecs
    cluster = ecs.clusters.get(name)
    if cluster and cluster.status == "ACTIVE":
        return {"cluster": cluster_answer(cluster)}
    cluster = Cluster(call.region, name)
    cluster.tags = read_tags(parameters)
    cluster.settings = parameters.get("settings") or []
    cluster.providers = checked_providers(parameters.get("capacityProviders") or [])
    cluster.strategy = parameters.get("defaultCapacityProviderStrategy") or []
    ecs.clusters[name] = cluster
    return {"cluster": cluster_answer(cluster)}


def checked_providers(providers):
    unknown = set(providers) - {"FARGATE", "FARGATE_SPOT"}
    if unknown:
        raise AwsError(
            "InvalidParameterException",
            f"The specified capacity provider {sorted(unknown)} was not found.",
        )
    return providers


@operation("ecs", "PutClusterCapacityProviders")
def put_cluster_capacity_providers(call, parameters):
    cluster = call.region.ecs.cluster(parameters["cluster"])
    cluster.providers = checked_providers(parameters["capacityProviders"])
    cluster.strategy = parameters["defaultCapacityProviderStrategy"]
    return {"cluster": cluster_answer(cluster)}


@operation("ecs", "DescribeClusters")
def describe_clusters(call, parameters):
    names = parameters.get("clusters") or ["default"]
    if len(names) > 100:
        raise AwsError("InvalidParameterException", "Clusters cannot have more than 100 elements.")
    found, failures = [], []
    for name in names:
        try:
            cluster = call.region.ecs.cluster(name, needs_active=False)
        except AwsError:
            cluster = None
        if cluster and call.region.is_visible(cluster.created_at):
            found.append(cluster_answer(cluster, parameters.get("include") or ()))
        else:
            failures.append(
                {
                    "arn": name
                    if name.startswith("arn:")
                    else call.region.arn("ecs", f"cluster/{name}"),
                    "reason": "MISSING",
                }
            )
    return {"clusters": found, "failures": failures}


@operation("ecs", "ListClusters")
def list_clusters(call, parameters):
    arns = [
        cluster.arn
        for cluster in call.region.ecs.clusters.values()
        if cluster.status == "ACTIVE" and call.region.is_visible(cluster.created_at)
    ]
    page, token = cut(
        call, arns, page_size(parameters), parameters.get("nextToken"), "InvalidParameterException"
    )
    return {"clusterArns": page, "nextToken": token}


@operation("ecs", "DeleteCluster")
def delete_cluster(call, parameters):
    cluster = call.region.ecs.cluster(parameters["cluster"], needs_active=False)
    if any(host.status != "INACTIVE" for host in cluster.hosts.values()):
        raise AwsError(
            "ClusterContainsContainerInstancesException",
            "The Cluster cannot be deleted while Container Instances are active or draining.",
        )
    if set(cluster.task_counts()) - {"STOPPED"}:
        raise AwsError(
            "ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active."
        )
    cluster.status = "INACTIVE"
    return {"cluster": cluster_answer(cluster)}


# ---- container instances
def find_host(cluster, name):
    """The container instance of an id or ARN, or None."""
    short = cluster.short(name)
    return cluster.hosts.get(
        cluster.region.arn("ecs", f"container-instance/{cluster.name}/{short}")
    )


def missing(call, cluster, kind, name):
    arn = (
        name if name.startswith("arn:") else call.region.arn("ecs", f"{kind}/{cluster.name}/{name}")
    )
    return {"arn": arn, "reason": "MISSING"}


@operation("ecs", "ListContainerInstances")
def list_container_instances(call, parameters):
    cluster = call.region.ecs.cluster(parameters.get("cluster"))
    status = parameters.get("status")
    hosts = [
        host
        for host in cluster.hosts.values()
        if host.status == status or (not status and host.status in ("ACTIVE", "DRAINING"))
    ]
    if parameters.get("filter"):
        test = placement.parse(parameters["filter"])
        hosts = [host for host in hosts if test(host)]
    page, token = cut(
        call, hosts, page_size(parameters), parameters.get("nextToken"), "InvalidParameterException"
    )
    return {"containerInstanceArns": [host.arn for host in page], "nextToken": token}


@operation("ecs", "DescribeContainerInstances")
def describe_container_instances(call, parameters):
    cluster = call.region.ecs.cluster(parameters.get("cluster"))
    names = parameters["containerInstances"]
    if not 1 <= len(names) <= 100:
        raise AwsError("InvalidParameterException", "Container instances: 1 to 100 are expected.")
    includes_tags = "TAGS" in (parameters.get("include") or ())
    found, failures = [], []
    for name in names:
        host = find_host(cluster, name)
        if host:
            found.append(host.answer(includes_tags))
        else:
            failures.append(missing(call, cluster, "container-instance", name))
    return {"containerInstances": found, "failures": failures}


@operation("ecs", "UpdateContainerInstancesState")
def update_container_instances_state(call, parameters):
    cluster = call.region.ecs.cluster(parameters.get("cluster"))
    status = parameters["status"]
    names = parameters["containerInstances"]
    if not 1 <= len(names) <= 10 or status not in ("ACTIVE", "DRAINING"):
        raise AwsError(
            "InvalidParameterException",
            "1 to 10 container instances and the status ACTIVE or DRAINING are expected.",
        )
    changed, failures = [], []
    for name in names:
        host = find_host(cluster, name)
        if not host or host.status == "INACTIVE":
            failures.append(
                {
                    **missing(call, cluster, "container-instance", name),
                    **({"reason": "INACTIVE"} if host else {}),
                }
            )
            continue
        host.status = status
        host.version += 1
        changed.append(host.answer(False))
    return {"containerInstances": changed, "failures": failures}


@operation("ecs", "DeregisterContainerInstance")
def deregister_container_instance(call, parameters):
    cluster = call.region.ecs.cluster(parameters.get("cluster"))
    host = find_host(cluster, parameters["containerInstance"])
    if not host:
        raise AwsError("InvalidParameterException", "Referenced container instance not found.")
    if host.tasks and not parameters.get("force"):
        raise AwsError("InvalidParameterException", "Found running tasks on the instance.")
    call.double.agents.deregister(host)
    return {"containerInstance": host.answer(False)}


@operation("ecs", "PutAttributes")
def put_attributes(call, parameters):
    cluster = call.region.ecs.cluster(parameters.get("cluster"))
    attributes = parameters["attributes"]
    if not 1 <= len(attributes) <= 10:
        raise AwsError("InvalidParameterException", "1 to 10 attributes are expected.")
    for attribute in attributes:
        host = find_host(cluster, attribute.get("targetId", ""))
        if not host:
            raise AwsError("TargetNotFoundException", "Unable to find the target.")
        host.attributes[attribute["name"]] = attribute.get("value")
        host.version += 1
    return {"attributes": attributes}


@operation("ecs", "ListAttributes")
def list_attributes(call, parameters):
    cluster = call.region.ecs.cluster(parameters.get("cluster"))
    wanted, value = parameters.get("attributeName"), parameters.get("attributeValue")
    attributes = [
        {"name": name, "value": each, "targetType": "container-instance", "targetId": host.arn}
        for host in cluster.hosts.values()
        for name, each in host.attributes.items()
        if wanted in (None, name) and value in (None, each)
    ]
    page, token = cut(
        call,
        attributes,
        page_size(parameters),
        parameters.get("nextToken"),
        "InvalidParameterException",
    )
    return {"attributes": page, "nextToken": token}


# ---- tags
def tagged(call, arn):
    """(tags, a function that replaces them) of what an ARN names."""
    ecs = call.region.ecs
    if arn in ecs.definition_tags:
        return ecs.definition_tags[arn], lambda tags: ecs.definition_tags.update({arn: tags})
    for cluster in ecs.clusters.values():
        if cluster.arn == arn and cluster.status == "ACTIVE":
            return cluster.tags, lambda tags, cluster=cluster: setattr(cluster, "tags", tags)
        found = cluster.tasks.get(arn) or cluster.hosts.get(arn)
        if found:
            return found.tags, lambda tags, found=found: found.set_tags(tags)
    raise AwsError("InvalidParameterException", "The specified resource was not found.")


@operation("ecs", "TagResource")
def tag_resource(call, parameters):
    tags, replace = tagged(call, parameters["resourceArn"])
    merged = {**tags, **read_tags(parameters)}
    if len(merged) > 50:
        raise AwsError("LimitExceededException", "The maximum number of tags is 50.")
    replace(merged)
    return {}


@operation("ecs", "UntagResource")
def untag_resource(call, parameters):
    tags, replace = tagged(call, parameters["resourceArn"])
    replace({key: value for key, value in tags.items() if key not in parameters["tagKeys"]})
    return {}


@operation("ecs", "ListTagsForResource")
def list_tags_for_resource(call, parameters):
    return {"tags": as_tags(tagged(call, parameters["resourceArn"])[0])}
