{{- define "scopegate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "scopegate.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "scopegate.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "scopegate.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "scopegate.selector" -}}
app.kubernetes.io/name: {{ include "scopegate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "scopegate.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "scopegate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "scopegate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "scopegate.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "scopegate.configMapName" -}}
{{- default (include "scopegate.fullname" .) .Values.existingConfigMap }}
{{- end }}

{{- define "scopegate.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* A probe of /livez or /readyz: (list . "livez"). */}}
{{- define "scopegate.probe" -}}
{{- $ := index . 0 }}
{{- $path := index . 1 }}
{{- if $.Values.admin.exposed }}
httpGet:
  path: /{{ $path }}
  port: admin
  scheme: HTTPS
{{- else }}
exec:
  command: [/usr/bin/scopegate, probe, --url, "http://127.0.0.1:{{ $.Values.ports.admin }}/{{ $path }}"]
{{- end }}
{{- end }}

{{- /* What cannot be together is said here, once. */}}
{{- define "scopegate.check" -}}
{{- if and (not .Values.config) (not .Values.existingConfigMap) }}
{{- fail "there is no configuration: --set-file config=scopegate.yaml, or existingConfigMap" }}
{{- end }}
{{- if and .Values.config .Values.existingConfigMap }}
{{- fail "config and existingConfigMap: only one of them can be the configuration" }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.admin.exposed) }}
{{- fail "serviceMonitor.enabled needs admin.exposed: Prometheus cannot reach a listener on loopback" }}
{{- end }}
{{- if le (int .Values.terminationGracePeriodSeconds) (int .Values.preStopSleepSeconds) }}
{{- fail "terminationGracePeriodSeconds must be longer than preStopSleepSeconds: the drain comes after the sleep" }}
{{- end }}
{{- end }}
