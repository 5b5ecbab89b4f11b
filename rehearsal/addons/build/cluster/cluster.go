// Package cluster is what our controllers share: whom they ask, news of what they read, and where their probe is answered.
package cluster

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

// Client asks the cluster of the kubeconfig; where none is named, the one it runs in.
func Client(kubeconfig string) (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// Watch fills the caches of the factories, which must be those of the informers. What it gives has one entry when there was any news.
func Watch(ctx context.Context, factories []informers.SharedInformerFactory, watched ...cache.SharedIndexInformer) (<-chan struct{}, error) {
	changed := make(chan struct{}, 1)
	tell := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	for _, informer := range watched {
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { tell() },
			UpdateFunc: func(_, _ any) { tell() },
			DeleteFunc: func(any) { tell() },
		})
		if err != nil {
			return nil, err
		}
	}
	for _, factory := range factories {
		factory.Start(ctx.Done())
		for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
			if !synced {
				return nil, fmt.Errorf("the API does not list %s", kind)
			}
		}
	}
	return changed, nil
}

// Answer serves the probe at that path until the context ends, with the reason while it is not ready. Without a probe there is no use in
// going on: it ends the program.
func Answer(ctx context.Context, listen, path, reason string, ready func() bool) {
	mux := http.NewServeMux()
	mux.HandleFunc(path, func(answer http.ResponseWriter, _ *http.Request) {
		if !ready() {
			http.Error(answer, reason, http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Addr: listen, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		klog.ErrorS(err, path+" does not answer")
		os.Exit(1)
	}
}
