{{- /*
Folders of a machine are on CephFS. While it is not mounted, its folder is empty and immutable: then `Directory` finds nothing,
`DirectoryOrCreate` cannot create, and the pod waits, with the reason in its events, instead of writing to the machine's own disk. No
subPath: the kubelet would keep hold of a mount that was lost, whereas a container that starts anew finds the new one.
*/ -}}
{{- define "common.volumes" -}}
{{- $v := .context.Values -}}
{{- if $v.data.path }}
- name: data
  hostPath: {path: {{ $v.data.path | quote }}, type: DirectoryOrCreate}
{{- else if $v.data.claim.size }}
- name: data
  persistentVolumeClaim: {claimName: {{ .context.Release.Name }}}
{{- else if $v.data.mountPath }}
- name: data
  emptyDir: {}
{{- end }}
{{- range $v.mounts }}
- name: mount-{{ .name }}
  hostPath: {path: {{ .path | quote }}, type: Directory}
{{- end }}
{{- range $index, $device := $v.devices }}
- name: device-{{ $index }}
  # Its kind is checked, or the runtime would make an empty folder where there is no device.
  hostPath: {path: {{ $device | quote }}, type: {{ include "common.deviceType" $device }}}
{{- end }}
{{- range $index, $folder := include "common.scratch" . | fromJsonArray }}
- name: scratch-{{ $index }}
  emptyDir: {}
{{- end }}
{{- end }}

{{- define "common.volumeMounts" -}}
{{- $v := .context.Values -}}
{{- with $v.data.mountPath }}
- {name: data, mountPath: {{ . | quote }}}
{{- end }}
{{- range $v.mounts }}
- {name: mount-{{ .name }}, mountPath: {{ .mountPath | quote }}, readOnly: {{ dig "readOnly" true . }}}
{{- end }}
{{- range $index, $device := $v.devices }}
- {name: device-{{ $index }}, mountPath: {{ $device | quote }}}
{{- end }}
{{- range $index, $folder := include "common.scratch" . | fromJsonArray }}
- {name: scratch-{{ $index }}, mountPath: {{ $folder | quote }}}
{{- end }}
{{- end }}

{{- /* Where nothing else may be written, /tmp still may. */ -}}
{{- define "common.scratch" -}}
{{- $folders := .kind.scratch | default list -}}
{{- if .context.Values.readOnlyRoot }}{{ $folders = append $folders "/tmp" }}{{ end -}}
{{ toJson ($folders | uniq) }}
{{- end }}

{{- define "common.deviceType" -}}
{{ ternary "Directory" "CharDevice" (has . (list "/dev/bus/usb" "/dev/dri" "/dev/dvb" "/dev/input" "/dev/snd")) }}
{{- end }}

{{- /*
fsGroup does nothing on a folder of a machine, and what the kubelet makes is root's: the folder is handed over once, by the only
container that is root and may do nothing else. Not from the application's own image, which need not have a chown.
*/ -}}
{{- define "common.owner" -}}
{{- $v := .context.Values -}}
{{- $user := include "common.user" . -}}
name: owner
image: {{ include "common.image" $v.tools | quote }}
imagePullPolicy: IfNotPresent
command: [sh, -ec]
args:
  - '[ "$(stat -c %u:%g /data)" = {{ $user }}:{{ $user }} ] || chown -R {{ $user }}:{{ $user }} /data'
resources:
  requests: {cpu: 10m, memory: 16Mi}
  limits: {memory: 64Mi}
securityContext:
  runAsNonRoot: false
  runAsUser: 0
  runAsGroup: 0
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL], add: [CHOWN, DAC_READ_SEARCH]}
  readOnlyRootFilesystem: true
  seccompProfile: {type: RuntimeDefault}
volumeMounts:
  - {name: data, mountPath: /data}
{{- end }}

{{- /* What is on it outlives the release: removed and added again under the same name, the application finds its data. */ -}}
{{- define "common.claim" -}}
{{- $claim := .Values.data.claim -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
  labels: {{- include "common.labels" . | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
spec:
  # A block device has one machine at a time. Files may be mounted by two, so that a pod need not wait until a lost machine is given up.
  accessModes: [{{ ternary "ReadWriteMany" "ReadWriteOnce" (eq $claim.storageClass "files") }}]
  storageClassName: {{ $claim.storageClass | quote }}
  resources:
    requests: {storage: {{ $claim.size | quote }}}
{{- end }}
