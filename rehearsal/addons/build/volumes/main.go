// Volumes in the CephFS that the machine has mounted: for each claim of a storage class of ours a folder, and a volume that names it.
//
// Everything is named by the claim, so any number of these may work side by side.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"homelab/rehearsal/addons/build/cluster"

	core "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	problems "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

const (
	provisionedBy = "pv.kubernetes.io/provisioned-by"
	selectedNode  = "volume.kubernetes.io/selected-node"
	every         = 10 * time.Second // again, also without news: a mount may have been away
)

type provisioner struct {
	client kubernetes.Interface
	driver string
	folder string               // in here
	place  string               // the same folder, as machines have it
	told   map[types.UID]string // claim -> what was last said about it
}

func main() {
	klog.InitFlags(nil)
	kubeconfig := flag.String("kubeconfig", "", "outside a cluster: who to ask")
	listen := flag.String("listen", ":8080", "where /readyz answers")
	var made provisioner
	flag.StringVar(&made.driver, "driver", "cephfs.csi.ceph.com", "provisioner of the storage classes that are ours")
	flag.StringVar(&made.folder, "folder", "/volumes", "where the file system is mounted here")
	flag.StringVar(&made.place, "place", "", "where machines have what is mounted here; the same, if not said")
	flag.Parse()
	made.told = map[types.UID]string{}
	made.place = cmp.Or(made.place, made.folder)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := made.run(ctx, *kubeconfig, *listen); err != nil && ctx.Err() == nil {
		klog.ErrorS(err, "volumes ends")
		os.Exit(1)
	}
}

func (p *provisioner) run(ctx context.Context, kubeconfig, listen string) error {
	var err error
	if p.client, err = cluster.Client(kubeconfig); err != nil {
		return err
	}
	factory := informers.NewSharedInformerFactory(p.client, 0)
	classes, claims, volumes := factory.Storage().V1().StorageClasses(), factory.Core().V1().PersistentVolumeClaims(), factory.Core().V1().PersistentVolumes()
	changed, err := cluster.Watch(ctx, []informers.SharedInformerFactory{factory}, classes.Informer(), claims.Informer(), volumes.Informer())
	if err != nil {
		return err
	}
	var able atomic.Bool
	go cluster.Answer(ctx, listen, "/readyz", "the file system cannot be written to", able.Load)
	for ticker := time.NewTicker(every); ; {
		able.Store(p.mounted() == nil)
		ours := map[string]*storage.StorageClass{}
		known, _ := classes.Lister().List(labels.Everything())
		for _, class := range known {
			if class.Provisioner == p.driver {
				ours[class.Name] = class
			}
		}
		wanted, _ := claims.Lister().List(labels.Everything())
		for _, claim := range wanted {
			if class := ours[name(claim)]; class != nil && claim.Spec.VolumeName == "" && claim.DeletionTimestamp == nil {
				p.report(ctx, claim, p.provide(ctx, claim, class))
			}
		}
		present, _ := volumes.Lister().List(labels.Everything())
		for _, volume := range present {
			if volume.Annotations[provisionedBy] == p.driver && volume.Status.Phase == core.VolumeReleased {
				if err := p.release(ctx, volume); err != nil {
					klog.ErrorS(err, "a volume is not removed", "volume", volume.Name)
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-ticker.C:
		}
	}
}

// provide makes a folder and its volume, if they are not there.
func (p *provisioner) provide(ctx context.Context, claim *core.PersistentVolumeClaim, class *storage.StorageClass) error {
	late := class.VolumeBindingMode != nil && *class.VolumeBindingMode == storage.VolumeBindingWaitForFirstConsumer
	if late && claim.Annotations[selectedNode] == "" {
		return nil
	}
	if claim.Spec.VolumeMode != nil && *claim.Spec.VolumeMode == core.PersistentVolumeBlock {
		return errors.New("a file system has no block devices")
	}
	volume := p.volume(claim, class)
	if err := p.mounted(); err != nil {
		return err
	}
	folder := filepath.Join(p.folder, volume.Name)
	if err := os.Mkdir(folder, 0o777); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := os.Chmod(folder, 0o777); err != nil { // as a new subvolume of CephFS has it
		return err
	}
	if _, err := p.client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{}); err != nil && !problems.IsAlreadyExists(err) {
		return err
	}
	klog.InfoS("provided", "claim", claim.Namespace+"/"+claim.Name, "volume", volume.Name)
	return nil
}

func (p *provisioner) volume(claim *core.PersistentVolumeClaim, class *storage.StorageClass) *core.PersistentVolume {
	name := "pvc-" + string(claim.UID)
	kind := core.HostPathDirectory
	policy := core.PersistentVolumeReclaimDelete
	if class.ReclaimPolicy != nil {
		policy = *class.ReclaimPolicy
	}
	return &core.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{provisionedBy: p.driver}},
		Spec: core.PersistentVolumeSpec{
			AccessModes:                   claim.Spec.AccessModes,
			Capacity:                      core.ResourceList{core.ResourceStorage: claim.Spec.Resources.Requests[core.ResourceStorage]},
			ClaimRef:                      &core.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
			PersistentVolumeReclaimPolicy: policy,
			PersistentVolumeSource: core.PersistentVolumeSource{
				HostPath: &core.HostPathVolumeSource{Path: filepath.Join(p.place, name), Type: &kind},
			},
			StorageClassName: class.Name,
		},
	}
}

// release deletes what a deleted claim had, where the volume says Delete; where it says Retain all stays.
func (p *provisioner) release(ctx context.Context, volume *core.PersistentVolume) error {
	if volume.Spec.PersistentVolumeReclaimPolicy != core.PersistentVolumeReclaimDelete || volume.Spec.HostPath == nil {
		return nil
	}
	if err := p.mounted(); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(p.folder, filepath.Base(volume.Spec.HostPath.Path))); err != nil {
		return err
	}
	err := p.client.CoreV1().PersistentVolumes().Delete(ctx, volume.Name, metav1.DeleteOptions{})
	if problems.IsNotFound(err) {
		return nil
	}
	return err
}

// mounted makes the folder of all volumes: without a mount the machine lets nobody write there.
func (p *provisioner) mounted() error { return os.MkdirAll(p.folder, 0o755) }

// report tells the owner of a claim what is in the way, where he looks for it.
func (p *provisioner) report(ctx context.Context, claim *core.PersistentVolumeClaim, problem error) {
	if problem == nil || p.told[claim.UID] == problem.Error() {
		return
	}
	p.told[claim.UID] = problem.Error()
	klog.ErrorS(problem, "a claim is not served", "claim", claim.Namespace+"/"+claim.Name)
	now := metav1.Now()
	event := &core.Event{
		ObjectMeta:     metav1.ObjectMeta{GenerateName: claim.Name + ".", Namespace: claim.Namespace},
		InvolvedObject: core.ObjectReference{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
		Type:           core.EventTypeWarning,
		Reason:         "ProvisioningFailed",
		Message:        problem.Error(),
		Source:         core.EventSource{Component: p.driver},
		FirstTimestamp: now,
		LastTimestamp:  now,
		Count:          1,
	}
	if _, err := p.client.CoreV1().Events(claim.Namespace).Create(ctx, event, metav1.CreateOptions{}); err != nil {
		klog.ErrorS(err, "nor can it be told")
	}
}

func name(claim *core.PersistentVolumeClaim) string {
	if claim.Spec.StorageClassName == nil {
		return ""
	}
	return *claim.Spec.StorageClassName
}
