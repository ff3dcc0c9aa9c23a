"""What a service does with the ledger's Kafka topic of states (extra `kafka`).

`Subscriber` brings each org's newest state to a handler of yours; `TopicFollower` lets the client's
own cache hear of changes through Kafka rather than through the ledger's `/watch`.
"""

from entitlements_sdk.kafka.follower import TopicFollower
from entitlements_sdk.kafka.news import News, OrgChanged, OrgGone, StartOver, Version
from entitlements_sdk.kafka.receipts import Receipts
from entitlements_sdk.kafka.stores import FileStore, Progress, Step, Store
from entitlements_sdk.kafka.subscriber import Subscriber

__all__ = [
    "FileStore",
    "News",
    "OrgChanged",
    "OrgGone",
    "Progress",
    "Receipts",
    "StartOver",
    "Step",
    "Store",
    "Subscriber",
    "TopicFollower",
    "Version",
]
