// An ingress controller: what Ingresses of one class ask for, by an nginx beside it. It reads the annotations of F5's controller that
// applications here use, with F5's defaults, and leaves the status of Ingresses alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"homelab/rehearsal/addons/build/cluster"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

const (
	pause   = 200 * time.Millisecond // changes come in swarms: one reload for all of them
	retry   = 5 * time.Second
	goodbye = 10 * time.Second
)

func main() {
	klog.InitFlags(nil)
	kubeconfig := flag.String("kubeconfig", "", "outside a cluster: who to ask")
	class := flag.String("ingress-class", "nginx", "the class of the Ingresses that are served")
	ready := flag.Int("ready-status-port", 8081, "where /nginx-ready answers")
	entries := flag.String("entries", "", "what F5's ConfigMap would say: name=value, comma-separated")
	server := &Nginx{}
	flag.StringVar(&server.Program, "nginx", "/usr/sbin/nginx", "the program")
	flag.StringVar(&server.Folder, "folder", "/tmp/nginx", "where it may write")
	flag.IntVar(&server.HTTP, "default-http-listener-port", 80, "")
	flag.IntVar(&server.HTTPS, "default-https-listener-port", 443, "")
	flag.StringVar(&server.Health, "health-status-uri", "", "where the default server says that it lives")
	disabled := flag.Bool("disable-ipv6", false, "")
	flag.Parse()
	server.IPv6 = !*disabled
	said := pairs(*entries)
	server.HTTP2 = strings.EqualFold(said["http2"], "true")
	server.Tokens = !strings.EqualFold(said["server-tokens"], "false")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *kubeconfig, *class, said, *ready, server); err != nil {
		klog.ErrorS(err, "ingress ends")
		os.Exit(1)
	}
}

func pairs(text string) map[string]string {
	said := map[string]string{}
	for _, entry := range strings.Split(text, ",") {
		if name, value, found := strings.Cut(entry, "="); found {
			said[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return said
}

func run(ctx context.Context, kubeconfig, class string, defaults map[string]string, port int, server *Nginx) error {
	client, err := cluster.Client(kubeconfig)
	if err != nil {
		return err
	}
	look, changed, err := watch(ctx, client)
	if err != nil {
		return err
	}
	var ready atomic.Bool
	go cluster.Answer(ctx, fmt.Sprintf(":%d", port), "/nginx-ready", "nginx does not serve yet", func() bool { return ready.Load() && server.Listens() })
	defer server.Stop(goodbye)
	var served *Model
	var said []string
	for due := time.After(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-server.Ended():
			return errors.New("nginx has ended")
		case <-changed:
			due = time.After(pause)
		case <-due:
			model, complaints := Build(class, defaults, look())
			if !reflect.DeepEqual(complaints, said) {
				klog.InfoS("not all is served", "why", complaints)
				said = complaints
			}
			if served != nil && reflect.DeepEqual(model, *served) {
				continue
			}
			if err := server.Serve(model); err != nil {
				klog.ErrorS(err, "what was served before goes on")
				due = time.After(retry)
				continue
			}
			klog.InfoS("served", "hosts", len(model.Servers), "upstreams", len(model.Upstreams), "certificates", len(model.Pairs))
			served = &model
			ready.Store(true)
		}
	}
}

// watch gives a function that reads the cluster from the caches, which are filled when this returns, and what has an entry after news.
func watch(ctx context.Context, client kubernetes.Interface) (func() Cluster, <-chan struct{}, error) {
	all := informers.NewSharedInformerFactory(client, 0)
	pairs := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(func(options *metav1.ListOptions) {
		options.FieldSelector = fields.OneTermEqualSelector("type", string(core.SecretTypeTLS)).String()
	}))
	ingresses, services := all.Networking().V1().Ingresses(), all.Core().V1().Services()
	slices, secrets := all.Discovery().V1().EndpointSlices(), pairs.Core().V1().Secrets()
	changed, err := cluster.Watch(ctx, []informers.SharedInformerFactory{all, pairs},
		ingresses.Informer(), services.Informer(), slices.Informer(), secrets.Informer())
	return func() Cluster {
		var found Cluster
		found.Ingresses, _ = ingresses.Lister().List(labels.Everything())
		found.Services, _ = services.Lister().List(labels.Everything())
		found.Slices, _ = slices.Lister().List(labels.Everything())
		found.Secrets, _ = secrets.Lister().List(labels.Everything())
		return found
	}, changed, err
}
