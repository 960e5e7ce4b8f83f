{{- define "lws.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* Cut so that the longest name made of it, with -controller-manager-metrics-service, has 63 characters. */ -}}
{{- define "lws.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := printf "%s-%s" .Release.Name $name -}}
{{- if contains $name .Release.Name }}{{ $full = .Release.Name }}{{ end -}}
{{- default $full .Values.fullnameOverride | trunc 28 | trimSuffix "-" -}}
{{- end -}}

{{- define "lws.labels" -}}
app.kubernetes.io/name: {{ include "lws.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "lws.selectorLabels" -}}
control-plane: controller-manager
app.kubernetes.io/name: {{ include "lws.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "lws.image" -}}
{{- $image := .Values.image.manager -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- /* The configuration file: what is not said in the values is not said in the file. */ -}}
{{- define "lws.configuration" -}}
{{- $file := dict "apiVersion" "config.lws.x-k8s.io/v1alpha1" "kind" "Configuration" -}}
{{- $_ := set $file "leaderElection" (merge (dict "leaderElect" true) (default dict .Values.config.leaderElection)) -}}
{{- $_ := set $file "internalCertManagement" (dict "enable" (not .Values.enableCertManager)) -}}
{{- if ne (int .Values.service.port) 9443 -}}
{{- $_ := set $file "webhook" (dict "port" (int .Values.service.port)) -}}
{{- end -}}
{{- $metrics := deepCopy (default dict .Values.config.metrics) -}}
{{- if ne (int .Values.metrics.port) 8443 -}}
{{- $_ := set $metrics "bindAddress" (printf ":%d" (int .Values.metrics.port)) -}}
{{- end -}}
{{- with $metrics }}{{ $_ := set $file "metrics" . }}{{ end -}}
{{- if ne (int .Values.health.port) 8081 -}}
{{- $_ := set $file "health" (dict "healthProbeBindAddress" (printf ":%d" (int .Values.health.port))) -}}
{{- end -}}
{{- range $name, $block := pick .Values.config "clientConnection" "tls" -}}
{{- if $block }}{{ $_ := set $file $name $block }}{{ end -}}
{{- end -}}
{{- with .Values.config.revisionHistoryLimit }}{{ $_ := set $file "revisionHistoryLimit" (int .) }}{{ end -}}
{{- with .Values.gangSchedulingManagement }}{{ $_ := set $file "gangSchedulingManagement" . }}{{ end -}}
{{- toYaml $file -}}
{{- end -}}

{{- /*
Objects of the kustomize manifests, copied to files/ by `make chart`, as objects of this release.
Takes: root; files, a glob; rename, whether names begin with that of the release; annotations, a dict; without,
names of entries that a configuration of webhooks is not to have.
*/ -}}
{{- define "lws.copies" -}}
{{- $root := .root -}}
{{- $annotations := .annotations -}}
{{- $full := include "lws.fullname" $root -}}
{{- range $path, $bytes := $root.Files.Glob .files -}}
{{- $text := toString $bytes | replace "lws-system" $root.Release.Namespace -}}
{{- if $.rename -}}
{{- $text = regexReplaceAll "(?m)^( *(?:- )?name: )lws-" $text (printf "${1}%s-" $full) -}}
{{- end -}}
{{- $text = regexReplaceAll "([^a-z0-9-])lws-controller-manager" $text (printf "${1}%s-controller-manager" $full) -}}
{{- range regexSplit "(?m)^---\\s*$" $text -1 -}}
{{- $object := fromYaml . -}}
{{- if $object.Error }}{{ fail (printf "%s: %s" $path $object.Error) }}{{ end -}}
{{- if $object.kind -}}
{{- $labels := merge (include "lws.labels" $root | fromYaml) (default dict $object.metadata.labels) -}}
{{- $_ := set $object.metadata "labels" $labels -}}
{{- with $annotations }}{{ $_ := set $object.metadata "annotations" . }}{{ end }}
{{- with $.without }}
{{- $kept := list -}}
{{- range $object.webhooks }}{{ if not (has .name $.without) }}{{ $kept = append $kept . }}{{ end }}{{ end -}}
{{- $_ := set $object "webhooks" $kept -}}
{{- end }}
---
{{ toYaml $object }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
