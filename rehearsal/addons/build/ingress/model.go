package main

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	networking "k8s.io/api/networking/v1"
)

// Cluster is what the API says, all of it that matters here.
type Cluster struct {
	Ingresses []*networking.Ingress
	Services  []*core.Service
	Slices    []*discovery.EndpointSlice
	Secrets   []*core.Secret
}

// Server is one host name. Secret is empty where none is there yet: then its handshakes are refused.
type Server struct {
	Host      string
	TLS       bool
	Secret    string
	Redirect  bool
	Locations []Location
}

// Secured is what goes after the port for TLS.
func (s Server) Secured() string {
	if s.TLS {
		return " ssl"
	}
	return ""
}

type Location struct {
	Match     string
	Upstream  string
	WebSocket bool
	Options   map[string]string
}

type Upstream struct {
	Name      string
	Addresses []string
}

type Model struct {
	Servers   []Server
	Upstreams []Upstream
	Pairs     map[string][]byte // file name -> certificate and key
}

const prefix = "nginx.org/"

// The directives that a ConfigMap entry or an annotation may set, each with F5's default and what it must look like.
var directives = map[string]struct {
	usual string
	form  *regexp.Regexp
}{
	"client-max-body-size":  {"1m", regexp.MustCompile(`^\d+[kKmMgG]?$`)},
	"proxy-buffering":       {"true", regexp.MustCompile(`^(true|false)$`)},
	"proxy-connect-timeout": {"60s", duration},
	"proxy-read-timeout":    {"60s", duration},
	"proxy-send-timeout":    {"60s", duration},
}

var (
	duration = regexp.MustCompile(`^(\d+(ms|[smhdwMy])?\s*)+$`)
	plain    = regexp.MustCompile(`^/[^\s{};\\"]*$`)
)

// Build says what nginx is to serve for one class, and why something of it is not served. The older Ingress has a host that two name.
func Build(class string, defaults map[string]string, cluster Cluster) (Model, []string) {
	made := builder{class: class, defaults: defaults, cluster: cluster, hosts: map[string]int{}, upstreams: map[string][]string{}, pairs: map[string][]byte{}}
	mine := slices.DeleteFunc(slices.Clone(cluster.Ingresses), func(one *networking.Ingress) bool {
		return one.Spec.IngressClassName == nil || *one.Spec.IngressClassName != class
	})
	slices.SortFunc(mine, func(a, b *networking.Ingress) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(named(a), named(b)))
	})
	for _, ingress := range mine {
		if err := made.add(ingress); err != nil {
			made.complaints = append(made.complaints, fmt.Sprintf("%s is not served: %s", named(ingress), err))
		}
	}
	slices.SortFunc(made.servers, func(a, b Server) int { return cmp.Compare(a.Host, b.Host) })
	var upstreams []Upstream
	for name, addresses := range made.upstreams {
		upstreams = append(upstreams, Upstream{name, addresses})
	}
	slices.SortFunc(upstreams, func(a, b Upstream) int { return cmp.Compare(a.Name, b.Name) })
	return Model{made.servers, upstreams, made.pairs}, made.complaints
}

type builder struct {
	class      string
	defaults   map[string]string
	cluster    Cluster
	servers    []Server
	hosts      map[string]int
	upstreams  map[string][]string
	pairs      map[string][]byte
	complaints []string
}

func (b *builder) add(ingress *networking.Ingress) error {
	options, err := b.options(ingress)
	if err != nil {
		return err
	}
	for _, rule := range ingress.Spec.Rules {
		if rule.Host == "" || rule.HTTP == nil {
			return fmt.Errorf("a rule needs a host and paths")
		}
		for _, path := range rule.HTTP.Paths {
			if path.Path != "" && !plain.MatchString(path.Path) {
				return fmt.Errorf("path %q has characters that nginx would take for its own", path.Path)
			}
		}
	}
	sockets := strings.Split(strings.ReplaceAll(ingress.Annotations[prefix+"websocket-services"], " ", ""), ",")
	for _, rule := range ingress.Spec.Rules {
		if _, taken := b.hosts[rule.Host]; taken {
			b.complaints = append(b.complaints, fmt.Sprintf("%s: host %s belongs to an older one", named(ingress), rule.Host))
			continue
		}
		server := Server{Host: rule.Host}
		server.TLS, server.Secret = b.secured(ingress, rule.Host)
		server.Redirect = server.TLS && ingress.Annotations[prefix+"ssl-redirect"] != "false"
		for _, path := range rule.HTTP.Paths {
			service := path.Backend.Service
			if service == nil {
				continue
			}
			upstream := b.upstream(ingress.Namespace, service)
			for _, match := range matches(path) {
				server.Locations = append(server.Locations, Location{match, upstream, slices.Contains(sockets, service.Name), options})
			}
		}
		b.hosts[rule.Host] = len(b.servers)
		b.servers = append(b.servers, server)
	}
	return nil
}

func (b *builder) options(ingress *networking.Ingress) (map[string]string, error) {
	options := map[string]string{}
	for name, directive := range directives {
		value := cmp.Or(ingress.Annotations[prefix+name], b.defaults[name], directive.usual)
		if !directive.form.MatchString(value) {
			return nil, fmt.Errorf("%s%s is %q", prefix, name, value)
		}
		switch value {
		case "true":
			value = "on"
		case "false":
			value = "off"
		}
		options[strings.ReplaceAll(name, "-", "_")] = value
	}
	return options, nil
}

// secured says whether a host is to have TLS, and the file with its certificate, if that is there. Without a name: the default one.
func (b *builder) secured(ingress *networking.Ingress, host string) (bool, string) {
	for _, entry := range ingress.Spec.TLS {
		if !slices.Contains(entry.Hosts, host) {
			continue
		}
		if entry.SecretName == "" {
			return true, DefaultPair
		}
		for _, secret := range b.cluster.Secrets {
			if secret.Namespace != ingress.Namespace || secret.Name != entry.SecretName {
				continue
			}
			certificate, key := secret.Data[core.TLSCertKey], secret.Data[core.TLSPrivateKeyKey]
			if _, err := tls.X509KeyPair(certificate, key); err != nil {
				b.complaints = append(b.complaints, fmt.Sprintf("Secret %s/%s: %s", secret.Namespace, secret.Name, err))
				return true, ""
			}
			file := fmt.Sprintf("%s-%s.pem", secret.Namespace, secret.Name)
			b.pairs[file] = slices.Concat(certificate, []byte("\n"), key)
			return true, file
		}
		b.complaints = append(b.complaints, fmt.Sprintf("%s: there is no Secret %s yet", named(ingress), entry.SecretName))
		return true, ""
	}
	return false, ""
}

// upstream gives the name of a group of pods; empty where no pod of the service is ready.
func (b *builder) upstream(namespace string, backend *networking.IngressServiceBackend) string {
	var port *core.ServicePort
	for _, service := range b.cluster.Services {
		if service.Namespace != namespace || service.Name != backend.Name {
			continue
		}
		for _, one := range service.Spec.Ports {
			if (backend.Port.Name != "" && one.Name == backend.Port.Name) || (backend.Port.Name == "" && one.Port == backend.Port.Number) {
				port = &one
			}
		}
	}
	if port == nil {
		return ""
	}
	addresses := b.addresses(namespace, backend.Name, port.Name)
	if len(addresses) == 0 {
		return ""
	}
	name := fmt.Sprintf("%s-%s-%d", namespace, backend.Name, port.Port)
	b.upstreams[name] = addresses
	return name
}

func (b *builder) addresses(namespace, service, port string) []string {
	var found []string
	for _, slice := range b.cluster.Slices {
		if slice.Namespace != namespace || slice.Labels[discovery.LabelServiceName] != service {
			continue
		}
		for _, one := range slice.Ports {
			if one.Port == nil || (one.Name != nil && *one.Name != port) || (one.Name == nil && port != "") {
				continue
			}
			for _, endpoint := range slice.Endpoints {
				if endpoint.Conditions.Ready != nil && !*endpoint.Conditions.Ready {
					continue
				}
				for _, address := range endpoint.Addresses {
					found = append(found, net.JoinHostPort(address, strconv.Itoa(int(*one.Port))))
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// matches is how nginx says a path: exactly, with all below it, or as a mere beginning.
func matches(path networking.HTTPIngressPath) []string {
	said := cmp.Or(path.Path, "/")
	kind := networking.PathTypeImplementationSpecific
	if path.PathType != nil {
		kind = *path.PathType
	}
	switch {
	case kind == networking.PathTypeExact:
		return []string{"= " + said}
	case kind == networking.PathTypePrefix && !strings.HasSuffix(said, "/"):
		return []string{"= " + said, said + "/"}
	default:
		return []string{said}
	}
}

func named(ingress *networking.Ingress) string { return ingress.Namespace + "/" + ingress.Name }
