{{- /*
All objects of an application. Takes `context`, the chart's own, and `kind`, what the chart knows about the program it is for:
  root         the image insists on starting as root
  scratch      folders that it writes to and nobody needs again
  environment  variables that follow from other values; the operator's own come over them
  grace        seconds that it takes to end in order
*/ -}}
{{- define "common.application" -}}
{{- $v := .context.Values -}}
{{- if and $v.data.path $v.data.claim.size }}{{ fail "data has both a path and a claim: take one of them" }}{{ end -}}
{{- if and (or $v.data.path $v.data.claim.size) (not $v.data.mountPath) }}{{ fail "data.mountPath is missing: where the application keeps its data" }}{{ end -}}
{{ include "common.deployment" . }}
---
{{ include "common.service" .context }}
{{- if $v.data.claim.size }}
---
{{ include "common.claim" .context }}
{{- end }}
{{- range $index, $class := $v.ingress.classes }}
---
{{ include "common.ingress" (dict "context" $.context "class" $class "first" (eq $index 0)) }}
{{- end }}
{{- end }}
