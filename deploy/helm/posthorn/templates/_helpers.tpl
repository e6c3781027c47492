{{- define "posthorn.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "posthorn.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .role }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "posthorn.labels" -}}
{{ include "posthorn.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "posthorn.secretName" -}}
{{- .Values.existingSecret | default (include "posthorn.name" .) -}}
{{- end }}

{{/* The secrets that a role needs, and no others. */}}
{{- define "posthorn.secretsOf" -}}
{{- $secrets := dict
  "gateway" (list "POSTHORN_ADMIN_KEY" "POSTHORN_ENCRYPTION_KEYS" "POSTHORN_POSTGRES_URL" "POSTHORN_CLICKHOUSE_URL")
  "delivery" (list "POSTHORN_ENCRYPTION_KEYS")
  "projector" (list "POSTHORN_POSTGRES_URL" "POSTHORN_CLICKHOUSE_URL") -}}
{{- $names := get $secrets .role -}}
{{- if .root.Values.kafka.saslMechanism }}{{ $names = concat $names (list "POSTHORN_KAFKA_SASL_USERNAME" "POSTHORN_KAFKA_SASL_PASSWORD") }}{{ end -}}
{{- join "," $names -}}
{{- end }}
