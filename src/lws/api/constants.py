"""Names that are a contract with users and with the upstream controller, byte for byte."""

from typing import Final

GROUP: Final = "leaderworkerset.x-k8s.io"
VERSION: Final = "v1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "LeaderWorkerSet"
FIELD_MANAGER: Final = "lws"
REPORTING_CONTROLLER: Final = "leaderworkerset"

PREFIX: Final = "leaderworkerset.sigs.k8s.io/"

# Labels.
NAME_LABEL: Final = PREFIX + "name"
REVISION_LABEL: Final = PREFIX + "template-revision-hash"
GROUP_INDEX_LABEL: Final = PREFIX + "group-index"
GROUP_KEY_LABEL: Final = PREFIX + "group-key"
WORKER_INDEX_LABEL: Final = PREFIX + "worker-index"
SUBGROUP_INDEX_LABEL: Final = PREFIX + "subgroup-index"
SUBGROUP_KEY_LABEL: Final = PREFIX + "subgroup-key"

# Annotations.
SIZE_ANNOTATION: Final = PREFIX + "size"
REPLICAS_ANNOTATION: Final = PREFIX + "replicas"
LEADER_NAME_ANNOTATION: Final = PREFIX + "leader-name"
EXCLUSIVE_TOPOLOGY_ANNOTATION: Final = PREFIX + "exclusive-topology"
SUBGROUP_EXCLUSIVE_TOPOLOGY_ANNOTATION: Final = PREFIX + "subgroup-exclusive-topology"
SUBGROUP_SIZE_ANNOTATION: Final = PREFIX + "subgroup-size"
SUBGROUP_POLICY_TYPE_ANNOTATION: Final = PREFIX + "subgroup-policy-type"
SUBDOMAIN_POLICY_ANNOTATION: Final = PREFIX + "subdomainPolicy"
LEADER_REQUESTS_TPUS_ANNOTATION: Final = PREFIX + "leader-requests-tpus"
RECREATE_AFTER_START_ANNOTATION: Final = PREFIX + "experimental-recreate-group-after-start"
HISTORY_LIMIT_ANNOTATION: Final = PREFIX + "revision-history-limit"
PAUSED_PARTITION_ANNOTATION: Final = PREFIX + "paused-partition"
TERMINATION_POLICY_ANNOTATION: Final = PREFIX + "pod-termination-policy"
RESTARTED_AT_ANNOTATION: Final = PREFIX + "restartedAt"
POD_GROUP_ANNOTATION: Final = "scheduling.k8s.io/group-name"

# Environment variables.
LEADER_ADDRESS_ENV: Final = "LWS_LEADER_ADDRESS"
GROUP_SIZE_ENV: Final = "LWS_GROUP_SIZE"
WORKER_INDEX_ENV: Final = "LWS_WORKER_INDEX"

TPU_RESOURCE: Final = "google.com/tpu"

# Enum values.
RESTART_NONE: Final = "None"
RESTART_DEFAULT: Final = "Default"
RESTART_RECREATE_GROUP: Final = "RecreateGroupOnPodRestart"
RESTART_RECREATE_GROUP_AFTER_START: Final = "RecreateGroupAfterStart"
STARTUP_LEADER_CREATED: Final = "LeaderCreated"
STARTUP_LEADER_READY: Final = "LeaderReady"
TERMINATION_DEFAULT: Final = "Default"
TERMINATION_PARALLEL: Final = "Parallel"
SUBDOMAIN_SHARED: Final = "Shared"
SUBDOMAIN_UNIQUE: Final = "UniquePerReplica"
SUBGROUP_LEADER_WORKER: Final = "LeaderWorker"
SUBGROUP_LEADER_EXCLUDED: Final = "LeaderExcluded"
ROLLING_UPDATE: Final = "RollingUpdate"

# Conditions and event reasons.
AVAILABLE: Final = "Available"
PROGRESSING: Final = "Progressing"
UPDATE_IN_PROGRESS: Final = "UpdateInProgress"
FAILED: Final = "Failed"
STALLED: Final = "Stalled"
REASON_APPLIED: Final = "LeaderStatefulSetApplied"
REASON_REFUSED: Final = "LeaderStatefulSetRefused"
REASON_ALL_GROUPS_READY: Final = "AllGroupsReady"
REASON_GROUPS_PROGRESSING: Final = "GroupsProgressing"
REASON_GROUPS_UPDATING: Final = "GroupsUpdating"
REASON_CREATING_REVISION: Final = "CreatingRevision"
REASON_FAILED_CREATE: Final = "FailedCreate"
REASON_FAILED_UPDATE: Final = "FailedUpdate"
REASON_RECREATE_GROUP: Final = "RecreateGroup"
REASON_RECREATE_BACK_OFF: Final = "RecreateGroupBackOff"
REASON_MAX_RESTARTS_EXCEEDED: Final = "MaxGroupRestartsExceeded"
REASON_WITHIN_MAX_RESTARTS: Final = "WithinMaxGroupRestarts"
