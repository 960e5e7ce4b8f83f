"""Names of the DisaggregatedSet API that are a contract with users and with upstream, byte for byte."""

from typing import Final

GROUP: Final = "disaggregatedset.x-k8s.io"
VERSION: Final = "v1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "DisaggregatedSet"
SCALER_KIND: Final = "DisaggregatedSetRoleScaler"
REPORTING_CONTROLLER: Final = "disaggregatedset"

PREFIX: Final = GROUP + "/"

# Labels. ``app`` is <set>-<slice>-<role>, whatever the user gave.
NAME_LABEL: Final = PREFIX + "name"
ROLE_LABEL: Final = PREFIX + "role"
SLICE_LABEL: Final = PREFIX + "slice"
REVISION_LABEL: Final = PREFIX + "revision"
APP_LABEL: Final = "app"

# On LeaderWorkerSets of former revisions: their replicas when the present rollout began, in decimal.
INITIAL_REPLICAS_ANNOTATION: Final = PREFIX + "initial-replicas"

# On a set, with the value "true": its rollout stands where it is (decision 181).
PAUSED_ANNOTATION: Final = PREFIX + "paused"
PAUSED: Final = "true"

# Enum values.
SCALING_STATIC: Final = "Static"
SCALING_EXTERNAL: Final = "External"
PLACEMENT_NONE: Final = "None"
PLACEMENT_EXCLUSIVE_SLICE: Final = "ExclusiveSlice"
PLACEMENT_EXCLUSIVE_TOPOLOGY: Final = "ExclusiveTopology"

# Conditions, their reasons, and reasons of events.
AVAILABLE: Final = "Available"
PROGRESSING: Final = "Progressing"
READY: Final = "Ready"
REASON_ALL_ROLES_READY: Final = "AllRolesReady"
REASON_ROLLOUT_IN_PROGRESS: Final = "RolloutInProgress"
REASON_PAUSED: Final = "Paused"
REASON_CHILD_REFUSED: Final = "LeaderWorkerSetRefused"
REASON_CHILD_STALLED: Final = "LeaderWorkerSetStalled"
REASON_SCALER_REFUSED: Final = "ScalerRefused"
REASON_BOUND: Final = "Bound"
REASON_ROLLING_UPDATE_STARTED: Final = "RollingUpdateStarted"
REASON_ROLLING_UPDATE_COMPLETED: Final = "RollingUpdateCompleted"
REASON_SCALING_UP: Final = "ScalingUp"
REASON_SCALING_DOWN: Final = "ScalingDown"
REASON_LWS_DELETED: Final = "LWSDeleted"
REASON_SCALER_CREATED: Final = "ScalerCreated"
REASON_SCALER_DELETED: Final = "ScalerDeleted"
REASON_SCALER_CONFLICT: Final = "ScalerConflict"
