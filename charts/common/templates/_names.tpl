{{- /* A release's name is its application's; every object carries it, so two releases of one chart share a namespace. */ -}}

{{- /* Cannot be changed on what exists, so nothing of the chart is in it: an application may get another kind. */ -}}
{{- define "common.selector" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: app
{{- end }}

{{- define "common.labels" -}}
{{ include "common.selector" . }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "common.image" -}}
{{ .repository }}:{{ .tag }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}

{{- /* Helm has every number as a float, which writes a million as 1e+06. */ -}}
{{- define "common.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ toString . }}{{ end -}}
{{- end }}

{{- /* Without a path to ask for, that the port accepts a connection has to do. */ -}}
{{- define "common.probe" -}}
{{- with .Values.probe -}}
httpGet: {path: {{ . | quote }}, port: http}
{{- else -}}
tcpSocket: {port: http}
{{- end }}
{{- end }}
