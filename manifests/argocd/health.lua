-- Health of a LeaderWorkerSet or DisaggregatedSet for Argo CD; docs/guides/gitops.md says where it goes.
-- Degraded: it needs somebody. Suspended: paused on purpose. Healthy: all groups ready on what is asked for.
local health = { status = "Progressing", message = "Waiting for the controller to see the present spec" }
local status = obj.status
if status == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end
local found = {}
local held = false
for _, condition in ipairs(status.conditions or {}) do
  if condition.status == "True" then
    found[condition.type] = condition.message
    held = held or condition.reason == "Paused"
  end
end
for _, kind in ipairs({ "Stalled", "Failed" }) do
  if found[kind] ~= nil then
    return { status = "Degraded", message = found[kind] }
  end
end
if found["Available"] ~= nil then
  health = { status = "Healthy", message = found["Available"] }
else
  health.message = found["UpdateInProgress"] or found["Progressing"] or "No condition yet"
end
local annotations = obj.metadata.annotations or {}
held = held or (health.status == "Healthy" and annotations["leaderworkerset.sigs.k8s.io/paused-partition"] ~= nil)
if held then
  health = { status = "Suspended", message = "Paused" }
end
return health
