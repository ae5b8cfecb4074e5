"""The limits that a promotion meets on AWS, each with its source, and what to do about each as a bottleneck."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Limits:
    """AWS's default quotas (us-east-1) and this service's own settings as infra/ deploys them.

    Checked on 2026-11-27 against stored copies of the pages named here, which may be older than the live ones.
    Not confirmed, because AWS does not document it: one stream shard per 1,000 write units; how much unused capacity an
    on-demand table can burst with (none is assumed); when it grows within its 30 minutes (here it does not).
    """

    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html (token buckets)
    stage_rate: float = 1_000  # requests per second to each route: ThrottlingRate of infra/package.yaml
    stage_burst: float = 500  # ThrottlingBurst
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
    api_rate: float = 10_000  # requests per second to all APIs of the account
    api_burst: float = 5_000
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    concurrency: float = 1_000  # of all functions of the account together; a new account's is lower
    requests_per_environment: float = 10  # per second: a function gets no more than 10 x `concurrency` requests
    # https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html: 1,000 per function every 10 s, refilled
    # continuously, never more than 1,000 at once
    scaling_per_second: float = 100  # execution environments
    scaling_burst: float = 1_000
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
    pollers: float = 5
    pollers_per_minute: float = 300
    pollers_most: float = 1_250  # older copies of the page say 1,000
    maximum_concurrency: float = 50  # OrderMaximumConcurrency of infra/package.yaml
    batch: float = 10  # orders per invocation of the processor: OrderBatchSize
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html
    in_flight: float = 120_000  # messages received and not yet deleted
    visibility_seconds: float = 120  # OrderQueueVisibility of infra/resources.yaml
    max_receives: float = 5  # maxReceiveCount, then the dead-letter queue
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html: 4,000 for a new
    # table, then up to double the previous peak, of which 30 minutes must have passed
    write_units: float = 4_000  # per second, of the table; WarmWrites of infra/resources.yaml raises it
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/gsi-throttling.html: it throttles its table
    index_units: float = 4_000  # per second, of by-customer; WarmWrites raises it too
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput-scenarios.html
    partition_units: float = 1_000  # per second: the most for one key of the index
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
    table_units_most: float = 40_000  # per second
    # https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
    shards: float = 0  # 0: one per 1,000 write units
    parallelization: float = 1  # batches of a shard at once: EventParallelization of infra/package.yaml
    records: float = 100  # changes per invocation of the publisher: EventBatchSize of infra/package.yaml
    # https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html: 4 times a second
    stream_pause_seconds: float = 0.25
    # https://docs.aws.amazon.com/general/latest/gr/sns.html: 30,000 in us-east-1, 300 to 9,000 elsewhere
    sns_rate: float = 30_000  # messages per second
    # Properties of the orders, not limits of AWS.
    item_units: float = 1  # write units of one order
    largest_customer: float = 0  # the share of orders that one customer places
    index_keys: float = 1  # keys of the index over which that customer's orders are spread: SpreadCustomers

    @property
    def shard_count(self) -> int:
        return round(self.shards) or max(1, round(self.write_units / self.partition_units))


@dataclass(frozen=True)
class Times:
    """Seconds that work takes: assumptions for functions of 512 MB; a stage's metrics and `power-tune` measure them."""

    accept_seconds: float = 0.015
    cold_seconds: float = 0.5  # an execution environment's start, on top of its first invocation
    receive_seconds: float = 0.010  # a poller's receiving and deleting around an invocation
    process_seconds: float = 0.010  # an invocation of the processor, and
    process_order_seconds: float = 0.002  # each order of its batch
    publish_seconds: float = 0.020  # an invocation of the publisher, and
    publish_call_seconds: float = 0.010  # each PublishBatch of ten
    spread: float = 0.3  # of each of them: standard deviation divided by mean (log-normal)


class Bottleneck(StrEnum):
    """What delays or refuses orders, by the name that the command prints."""

    STAGE_RATE = "API Gateway rate (stage)"
    API_RATE = "API Gateway rate (account)"
    ACCEPT_CONCURRENCY = "Lambda concurrency (accept)"
    ACCEPT_REQUESTS = "Lambda requests per second (accept)"
    ACCEPT_SCALING = "Lambda scaling (accept)"
    PROCESS_CONCURRENCY = "Lambda concurrency (process)"
    PUBLISH_CONCURRENCY = "Lambda concurrency (publish)"
    POLLER_SCALING = "SQS poller scaling"
    POLLERS = "SQS pollers"
    IN_FLIGHT = "SQS messages in flight"
    TABLE = "DynamoDB write units (table)"
    INDEX = "DynamoDB write units (index)"
    INDEX_KEY = "DynamoDB index key (one customer)"
    SHARDS = "Stream shards"
    SNS = "SNS rate"


BY_API_GATEWAY = (Bottleneck.STAGE_RATE, Bottleneck.API_RATE)  # answered 429; a function without room is answered 5xx

ADVICE = {
    Bottleneck.STAGE_RATE: "raise ThrottlingRate and ThrottlingBurst, once the functions behind can handle more",
    Bottleneck.API_RATE: "ask for a higher account throttle, or shard by region",
    Bottleneck.ACCEPT_CONCURRENCY: "ask for more account concurrency, or accept directly (DirectAccept)",
    Bottleneck.ACCEPT_REQUESTS: "ask for more account concurrency (10 requests per second each), or accept directly",
    Bottleneck.ACCEPT_SCALING: "use provisioned concurrency before the promotion, or DirectAccept",
    Bottleneck.PROCESS_CONCURRENCY: "ask for more account concurrency, or reserve some for the processor",
    Bottleneck.PUBLISH_CONCURRENCY: "ask for more account concurrency, or reserve some for the publisher",
    Bottleneck.POLLER_SCALING: "use provisioned pollers (not together with MaximumConcurrency); else 300 more a minute",
    Bottleneck.POLLERS: "raise OrderMaximumConcurrency (to 1,000; pollers end at 1,250), as far as write units allow",
    Bottleneck.IN_FLIGHT: "ask for more, or lower OrderMaximumConcurrency: fewer writes fail, and fewer messages wait",
    Bottleneck.TABLE: "set warm throughput (WarmWrites) before the promotion",
    Bottleneck.INDEX: "set warm throughput (WarmWrites, which is the index's too) before the promotion",
    Bottleneck.INDEX_KEY: "spread that customer over more keys of the index (SpreadCustomers)",
    Bottleneck.SHARDS: "raise EventParallelization (to 10); beyond, WarmWrites: a shard per 1,000 write units",
    Bottleneck.SNS: "ask for a higher publish quota",
}
