// etcd, etcdctl and etcdutl (its snapshots) in one executable: the name it is called by says which.
package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/etcdctl/v3/ctlv3"
	"go.etcd.io/etcd/etcdutl/v3/etcdutl"
	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	switch filepath.Base(os.Args[0]) {
	case "etcdctl":
		ctlv3.MustStart()
	case "etcdutl":
		utility := &cobra.Command{Use: "etcdutl"}
		utility.PersistentFlags().StringVarP(&etcdutl.OutputFormat, "write-out", "w", "simple", "fields, json, protobuf, simple, table")
		utility.AddCommand(etcdutl.NewSnapshotCommand(), etcdutl.NewVersionCommand())
		if utility.Execute() != nil {
			os.Exit(1)
		}
	default:
		etcdmain.Main(os.Args)
	}
}
