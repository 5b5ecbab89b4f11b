package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"text/template"
	"time"
)

// DefaultPair is the certificate for names that nobody asked to serve.
const DefaultPair = "default.pem"

//go:embed nginx.conf.tmpl
var text string

var conf = template.Must(template.New("nginx.conf").Parse(text))

// Nginx is the server: its program, the folder it writes to, where it listens.
type Nginx struct {
	Program, Folder string
	HTTP, HTTPS     int
	IPv6            bool
	Health          string // where it answers for itself, or empty
	HTTP2, Tokens   bool   // whether it speaks HTTP/2; whether it says its version
	running         *exec.Cmd
	ended           chan struct{} // closed when it has ended
}

// Temporary names the folders that nginx wants for itself; the build has no others.
func (n *Nginx) Temporary() []string {
	return []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}
}

// Listen gives the values of `listen` for one server; without the second words it has no TLS.
func (n *Nginx) Listen(plain, secured string) []string {
	hosts := []string{""}
	if n.IPv6 {
		hosts = append(hosts, "[::]:")
	}
	var found []string
	for _, host := range hosts {
		found = append(found, fmt.Sprintf("%s%d%s", host, n.HTTP, plain))
		if secured != "" {
			found = append(found, fmt.Sprintf("%s%d%s%s", host, n.HTTPS, secured, map[bool]string{true: " http2"}[n.HTTP2]))
		}
	}
	return found
}

// Render gives the configuration for a model.
func (n *Nginx) Render(model Model) ([]byte, error) {
	var made bytes.Buffer
	err := conf.Execute(&made, struct {
		*Nginx
		Model
		DefaultPair string
	}{n, model, DefaultPair})
	return made.Bytes(), err
}

// Serve makes it serve the model: a configuration that nginx does not take leaves the old one in force.
func (n *Nginx) Serve(model Model) error {
	for _, name := range []string{"secrets", "temporary"} {
		if err := os.MkdirAll(filepath.Join(n.Folder, name), 0o700); err != nil {
			return err
		}
	}
	if err := n.pairs(model.Pairs); err != nil {
		return err
	}
	wanted, err := n.Render(model)
	if err != nil {
		return err
	}
	file := filepath.Join(n.Folder, "nginx.conf")
	tried := file + ".new"
	if err := os.WriteFile(tried, wanted, 0o600); err != nil {
		return err
	}
	if said, err := exec.Command(n.Program, "-t", "-q", "-e", "stderr", "-c", tried).CombinedOutput(); err != nil {
		return fmt.Errorf("nginx does not take it: %w: %s", err, said)
	}
	if err := os.Rename(tried, file); err != nil {
		return err
	}
	if n.running == nil {
		return n.start(file)
	}
	return n.running.Process.Signal(syscall.SIGHUP)
}

// Listens says whether somebody takes connections where nginx is to; nginx ends when it is somebody else.
func (n *Nginx) Listens() bool {
	connection, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", n.HTTP), time.Second)
	if err != nil {
		return false
	}
	return connection.Close() == nil
}

// Ended is closed when nginx has ended.
func (n *Nginx) Ended() <-chan struct{} { return n.ended }

// Stop lets it answer what it has begun to, for a while.
func (n *Nginx) Stop(within time.Duration) {
	if n.running == nil {
		return
	}
	_ = n.running.Process.Signal(syscall.SIGQUIT)
	select {
	case <-n.ended:
	case <-time.After(within):
		_ = n.running.Process.Signal(syscall.SIGTERM)
		<-n.ended
	}
}

func (n *Nginx) start(file string) error {
	n.running = exec.Command(n.Program, "-e", "stderr", "-c", file, "-g", "daemon off;")
	n.running.Stdout, n.running.Stderr = os.Stdout, os.Stderr
	if err := n.running.Start(); err != nil {
		n.running = nil
		return err
	}
	n.ended = make(chan struct{})
	go func() {
		_ = n.running.Wait()
		close(n.ended)
	}()
	return nil
}

// pairs writes the certificates; those that nobody names any more go with the next change.
func (n *Nginx) pairs(wanted map[string][]byte) error {
	folder := filepath.Join(n.Folder, "secrets")
	for name, content := range wanted {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			return err
		}
	}
	present, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(present, func(entry os.DirEntry) bool { return entry.Name() == DefaultPair }) {
		pair, err := selfSigned()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, DefaultPair), pair, 0o600); err != nil {
			return err
		}
	}
	for _, entry := range present {
		if _, named := wanted[entry.Name()]; !named && entry.Name() != DefaultPair {
			if err := os.Remove(filepath.Join(folder, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func selfSigned() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	said := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "nobody asked for this name"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(10, 0, 0),
	}
	signed, err := x509.CreateCertificate(rand.Reader, said, said, key.Public(), key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	var made bytes.Buffer
	for _, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: signed}, {Type: "EC PRIVATE KEY", Bytes: private}} {
		if err := pem.Encode(&made, block); err != nil {
			return nil, err
		}
	}
	return made.Bytes(), nil
}
