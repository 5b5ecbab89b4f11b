{{- /*
The user that the program runs as, and nothing if that is root. Root is who is said to be 0, whose image knows no other, and who has a
device: as a privileged container it is as good as root, and another user could not open what belongs to a group of the machine.
*/ -}}
{{- define "common.user" -}}
{{- $v := .context.Values -}}
{{- $user := $v.runAsUser -}}
{{- if kindIs "invalid" $user }}{{ $user = ternary 0 1000 (or .kind.root (gt (len $v.devices) 0)) }}{{ end -}}
{{- if $user }}{{ int64 $user }}{{ end -}}
{{- end }}

{{- define "common.podSecurity" -}}
{{- $v := .context.Values -}}
{{- $user := include "common.user" . -}}
seccompProfile: {type: RuntimeDefault}
{{- with $user }}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
{{- end }}
{{- /* The file system of a claim is handed over to this group; that of a folder is not (see common.owner). */ -}}
{{- $group := $v.fsGroup -}}
{{- if kindIs "invalid" $group }}{{ $group = $user }}{{ end }}
{{- if $group }}
fsGroup: {{ int64 $group }}
fsGroupChangePolicy: OnRootMismatch
{{- end }}
{{- if and $user (lt (int $v.port) 1024) (not $v.hostNetwork) }}
# A low port without root: in the pod's own network it needs no privilege.
sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: "0"}]
{{- end }}
{{- end }}

{{- define "common.security" -}}
{{- $v := .context.Values -}}
{{- if $v.devices -}}
# Without it the control group keeps a container from every device of its machine. So an application with a device is trusted with the machine.
privileged: true
{{- else -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
  {{- if not (include "common.user" .) }}
  # What the inits of images that start as root do: hand over folders, become another user, listen below 1024.
  add: [CHOWN, DAC_OVERRIDE, FOWNER, KILL, NET_BIND_SERVICE, SETGID, SETUID]
  {{- end }}
{{- end }}
readOnlyRootFilesystem: {{ $v.readOnlyRoot | default false }}
{{- end }}
