// An ingress controller: what Ingresses of one class ask for, by an nginx beside it. It reads the annotations of F5's controller that
// applications here use, with F5's defaults, and leaves the status of Ingresses alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
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
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	changed := make(chan struct{}, 1)
	look, err := watch(ctx, client, func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	var ready atomic.Bool
	go answer(ctx, port, func() bool { return ready.Load() && server.Listens() })
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

// watch gives a function that reads the cluster from the caches, which are filled when this returns.
func watch(ctx context.Context, client kubernetes.Interface, tell func()) (func() Cluster, error) {
	all := informers.NewSharedInformerFactory(client, 0)
	pairs := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTweakListOptions(func(options *metav1.ListOptions) {
		options.FieldSelector = fields.OneTermEqualSelector("type", string(core.SecretTypeTLS)).String()
	}))
	ingresses, services := all.Networking().V1().Ingresses(), all.Core().V1().Services()
	slices, secrets := all.Discovery().V1().EndpointSlices(), pairs.Core().V1().Secrets()
	for _, informer := range []cache.SharedIndexInformer{ingresses.Informer(), services.Informer(), slices.Informer(), secrets.Informer()} {
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { tell() },
			UpdateFunc: func(_, _ any) { tell() },
			DeleteFunc: func(any) { tell() },
		})
		if err != nil {
			return nil, err
		}
	}
	for _, factory := range []informers.SharedInformerFactory{all, pairs} {
		factory.Start(ctx.Done())
		for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
			if !synced {
				return nil, fmt.Errorf("the API does not list %s", kind)
			}
		}
	}
	return func() Cluster {
		var found Cluster
		found.Ingresses, _ = ingresses.Lister().List(labels.Everything())
		found.Services, _ = services.Lister().List(labels.Everything())
		found.Slices, _ = slices.Lister().List(labels.Everything())
		found.Secrets, _ = secrets.Lister().List(labels.Everything())
		return found
	}, nil
}

func answer(ctx context.Context, port int, ready func() bool) {
	mux := http.NewServeMux()
	mux.HandleFunc("/nginx-ready", func(answer http.ResponseWriter, _ *http.Request) {
		if !ready() {
			http.Error(answer, "nginx does not serve yet", http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Addr: fmt.Sprintf(":%d", port), Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		klog.ErrorS(err, "/nginx-ready does not answer")
		os.Exit(1)
	}
}
