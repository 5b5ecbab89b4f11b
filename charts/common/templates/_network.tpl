{{- define "common.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
  labels: {{- include "common.labels" . | nindent 4 }}
spec:
  type: ClusterIP
  selector: {{- include "common.selector" . | nindent 4 }}
  ports:
    - {name: http, port: {{ .Values.port }}, targetPort: http, protocol: TCP}
{{- end }}

{{- /* Whether there is a certificate: somebody signs it, or it comes from elsewhere. */ -}}
{{- define "common.secured" -}}
{{- if or .Values.ingress.issuer .Values.ingress.secretName }}yes{{ end -}}
{{- end }}

{{- /*
One a class, since a controller serves exactly one. All of them show the certificate that cert-manager is asked for once, on the first.
WebSockets, uploads of any size and long answers are what applications at home need; the ingress allows none of it by itself.
*/ -}}
{{- define "common.ingress" -}}
{{- $ := .context -}}
{{- $v := $.Values -}}
{{- $name := $.Release.Name -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ $name }}-{{ .class }}
  namespace: {{ $.Release.Namespace }}
  labels: {{- include "common.labels" $ | nindent 4 }}
  annotations:
    {{- if and .first $v.ingress.issuer }}
    cert-manager.io/cluster-issuer: {{ $v.ingress.issuer | quote }}
    # The question of an ACME server is answered by this Ingress, with a certificate for the meantime: a second one for the same host would
    # not be served, nor would one without a certificate.
    acme.cert-manager.io/http01-edit-in-place: "true"
    {{- end }}
    nginx.org/websocket-services: {{ $name | quote }}
    nginx.org/client-max-body-size: "0"
    nginx.org/proxy-read-timeout: 1h
    nginx.org/proxy-send-timeout: 1h
spec:
  ingressClassName: {{ .class | quote }}
  {{- if include "common.secured" $ }}
  tls:
    - hosts: {{ toJson $v.hosts }}
      secretName: {{ $v.ingress.secretName | default (printf "%s-tls" $name) | quote }}
  {{- end }}
  rules:
    {{- range $v.hosts }}
    - host: {{ . | quote }}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service: {name: {{ $name }}, port: {number: {{ $v.port }}}}
    {{- end }}
{{- end }}

{{- /* `helm test`: the service answers as the probes do, by the cluster's own name for it. */ -}}
{{- define "common.test" -}}
{{- $v := .Values -}}
{{- $service := printf "%s.%s.svc" .Release.Name .Release.Namespace -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}-test
  namespace: {{ .Release.Namespace }}
  labels:
    app.kubernetes.io/instance: {{ .Release.Name }}
    app.kubernetes.io/component: test
  annotations:
    helm.sh/hook: test
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  restartPolicy: Never
  activeDeadlineSeconds: 120
  securityContext:
    runAsNonRoot: true
    runAsUser: 65534
    runAsGroup: 65534
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: test
      image: {{ include "common.image" $v.tools | quote }}
      imagePullPolicy: IfNotPresent
      command:
        {{- if $v.probe }}
        {{- list "timeout" "30" "wget" "-q" "-O" "/dev/null" (printf "http://%s:%v%s" $service $v.port $v.probe) | toYaml | nindent 8 }}
        {{- else }}
        {{- list "timeout" "30" "nc" "-w" "5" $service (toString $v.port) "-e" "true" | toYaml | nindent 8 }}
        {{- end }}
      resources:
        requests: {cpu: 10m, memory: 16Mi}
        limits: {memory: 64Mi}
      securityContext:
        allowPrivilegeEscalation: false
        capabilities: {drop: [ALL]}
        readOnlyRootFilesystem: true
{{- end }}
