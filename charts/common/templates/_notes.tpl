{{- define "common.notes" -}}
{{- $v := .Values -}}
{{- range ternary $v.hosts list (gt (len $v.ingress.classes) 0) }}
{{ ternary "https" "http" (eq (include "common.secured" $) "yes") }}://{{ . }}
{{- else }}
{{ .Release.Name }} answers inside the cluster at http://{{ .Release.Name }}.{{ .Release.Namespace }}.svc:{{ $v.port }}
{{- end }}
{{- if $v.data.path }}
Its data is in {{ $v.data.path }} of each machine that mounts the file system; it stays when the release goes.
{{- else if $v.data.claim.size }}
Its data is in the claim {{ .Release.Name }}; it stays when the release goes.
{{- else }}
It has no data that stays: whatever it writes is gone with its pod.
{{- end }}
{{- if and $v.devices (not $v.node) }}
It needs {{ join ", " $v.devices }} and may start only where that is; name that machine in `node`.
{{- end }}
{{- end }}
