{{- define "common.deployment" -}}
{{- $ := .context -}}
{{- $v := $.Values -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $.Release.Name }}
  namespace: {{ $.Release.Namespace }}
  labels: {{- include "common.labels" $ | nindent 4 }}
  {{- with $v.chartDigest }}
  annotations:
    homelab/chart-digest: {{ . | quote }}
  {{- end }}
spec:
  replicas: 1
  revisionHistoryLimit: 3
  # One writer: the old pod has ended before the new one opens the same data.
  strategy: {type: Recreate}
  selector:
    matchLabels: {{- include "common.selector" $ | nindent 6 }}
  template:
    metadata:
      labels: {{- include "common.labels" $ | nindent 8 }}
    spec: {{- include "common.pod" . | nindent 6 }}
{{- end }}

{{- define "common.pod" -}}
{{- $ := .context -}}
{{- $v := $.Values -}}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .kind.grace | default 30 }}
{{- if $v.hostNetwork }}
hostNetwork: true
dnsPolicy: ClusterFirstWithHostNet
{{- else }}
hostname: {{ $.Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- with $v.node }}
nodeSelector:
  kubernetes.io/hostname: {{ . | quote }}
{{- end }}
# To the other machine half a minute after this one is known to be gone, not after the five minutes that are usual.
tolerations:
  {{- range list "not-ready" "unreachable" }}
  - {key: node.kubernetes.io/{{ . }}, operator: Exists, effect: NoExecute, tolerationSeconds: 30}
  {{- end }}
securityContext: {{- include "common.podSecurity" . | trim | nindent 2 }}
{{- if and $v.data.path (include "common.user" .) }}
initContainers:
  - {{ include "common.owner" . | indent 4 | trim }}
{{- end }}
containers:
  - {{ include "common.container" . | indent 4 | trim }}
{{- with include "common.volumes" . | trim }}
volumes: {{- . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "common.container" -}}
{{- $ := .context -}}
{{- $v := $.Values -}}
name: app
image: {{ include "common.image" $v.image | quote }}
imagePullPolicy: IfNotPresent
ports:
  - {name: http, containerPort: {{ $v.port }}, protocol: TCP}
{{- $environment := .kind.environment | default dict -}}
{{- range $name, $value := $v.environment }}{{ $_ := set $environment $name $value }}{{ end }}
{{- with $environment }}
env:
  {{- range $name, $value := . }}
  - {name: {{ $name | quote }}, value: {{ include "common.text" $value | quote }}}
  {{- end }}
{{- end }}
{{- with $v.secretName }}
envFrom:
  - secretRef: {name: {{ . | quote }}}
{{- end }}
# A first start may bring a database up to date: five minutes, before anything ends it. Afterwards a minute without an answer does.
startupProbe:
  {{- include "common.probe" $ | nindent 2 }}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 150
readinessProbe:
  {{- include "common.probe" $ | nindent 2 }}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 3
livenessProbe:
  {{- include "common.probe" $ | nindent 2 }}
  periodSeconds: 20
  timeoutSeconds: 10
  failureThreshold: 3
{{- with $v.resources }}
resources: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- include "common.security" . | nindent 2 }}
{{- with include "common.volumeMounts" . | trim }}
volumeMounts: {{- . | nindent 2 }}
{{- end }}
{{- end }}
