// cert-manager's controllers for issuers of the kinds CA and self-signed, and for Ingresses, in one program that brings its own definitions.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cert-manager/cert-manager/pkg/controller"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/ingresses"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	_ "github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	_ "github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	_ "github.com/cert-manager/cert-manager/pkg/controller/issuers"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

type options struct {
	kubeconfig, namespace, crds, listen string
	workers                             int
}

func main() {
	var given options
	klog.InitFlags(nil)
	flag.StringVar(&given.kubeconfig, "kubeconfig", "", "outside a cluster: who to ask")
	flag.StringVar(&given.namespace, "cluster-resource-namespace", os.Getenv("POD_NAMESPACE"), "where ClusterIssuers have their Secrets; the leader's lease, too")
	flag.StringVar(&given.crds, "crds", "/crds", "folder with cert-manager's definitions, which are applied first")
	flag.StringVar(&given.listen, "healthz-listen-address", "0.0.0.0:9403", "where /livez and /readyz answer")
	flag.IntVar(&given.workers, "concurrent-workers", 2, "for each controller")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(klog.NewContext(ctx, klog.Background()), given); err != nil {
		klog.ErrorS(err, "certificates ends")
		os.Exit(1)
	}
}

// run ends with the context, with the loss of leadership, or when a controller cannot start.
func run(parent context.Context, given options) error {
	group, ctx := errgroup.WithContext(parent)
	var ready atomic.Bool
	group.Go(func() error { return serve(ctx, given.listen, &ready) })
	group.Go(func() error {
		factory, err := controller.NewContextFactory(ctx, controller.ContextOptions{
			Kubeconfig:         given.kubeconfig,
			KubernetesAPIQPS:   20,
			KubernetesAPIBurst: 50,
			IssuerOptions:      controller.IssuerOptions{ClusterResourceNamespace: given.namespace},
			IngressShimOptions: controller.IngressShimOptions{DefaultIssuerKind: "Issuer", DefaultIssuerGroup: "cert-manager.io", DefaultAutoCertificateAnnotations: []string{"kubernetes.io/tls-acme"}},
			CertificateOptions: controller.CertificateOptions{
				CertificateRequestMinimumBackoffDuration: time.Minute,
				CertificateRequestMaximumBackoffDuration: time.Hour,
			},
		})
		if err != nil {
			return err
		}
		base, err := factory.Build()
		if err != nil {
			return err
		}
		if err := define(ctx, base.RESTConfig, given.crds); err != nil {
			return err
		}
		ready.Store(true) // a second replica stands by, ready as well
		return lead(ctx, base, given.namespace, func(ctx context.Context) error { return work(ctx, factory, base, given.workers) })
	})
	err := group.Wait()
	if parent.Err() != nil {
		return nil
	}
	return err
}

// lead does the work while this is the one that leads.
func lead(ctx context.Context, base *controller.Context, namespace string, do func(context.Context) error) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, namespace, "cert-manager-controller",
		base.Client.CoreV1(), base.Client.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: fmt.Sprintf("%s-%d", host, os.Getpid())})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
		Lock:            lock,
		LeaseDuration:   15 * time.Second,
		RenewDeadline:   10 * time.Second,
		RetryPeriod:     2 * time.Second,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				ended <- do(ctx)
				cancel()
			},
			OnStoppedLeading: func() {},
		},
	})
	select {
	case err := <-ended:
		return err
	default:
		return fmt.Errorf("another one leads now")
	}
}

// work runs every controller that registered itself by its import.
func work(ctx context.Context, factory *controller.ContextFactory, base *controller.Context, workers int) error {
	group, ctx := errgroup.WithContext(ctx)
	for name, construct := range controller.Known() {
		made, err := construct(factory)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		group.Go(func() error { return made.Run(workers, ctx) })
	}
	base.SharedInformerFactory.Start(ctx.Done())
	base.KubeSharedInformerFactory.Start(ctx.Done())
	klog.InfoS("leading", "controllers", len(controller.Known()), "since", metav1.Now())
	return group.Wait()
}

func serve(ctx context.Context, listen string, ready *atomic.Bool) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", func(answer http.ResponseWriter, _ *http.Request) { fmt.Fprintln(answer, "ok") })
	mux.HandleFunc("/readyz", func(answer http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			http.Error(answer, "the definitions are not there yet", http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Addr: listen, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}
