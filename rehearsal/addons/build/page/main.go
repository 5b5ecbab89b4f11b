// A small application: shows who answers and from where, keeps files in its data folder, and fails when it is told to.
//
//	NAME, VERSION   what it shows of itself; NODE_NAME and POD_NAME, else the host's name
//	PORT            where it listens; without it on the ports of Plex, of Home Assistant, and on 8080
//	DATA            where it keeps files; without it in /config or /data, whichever is there
//	NEVER_READY     when set, every request is answered 503
package main

import (
	"cmp"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

var usual = []string{"8080", "32400", "8123"}

func main() {
	var listeners []net.Listener
	var problems error
	ports := usual
	if port := os.Getenv("PORT"); port != "" {
		ports = []string{port}
	}
	for _, port := range ports {
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil {
			problems = errors.Join(problems, err)
			continue
		}
		listeners = append(listeners, listener)
	}
	if len(listeners) == 0 {
		log.Fatal(problems)
	}
	server := &http.Server{Handler: handler(), ReadHeaderTimeout: 10 * time.Second}
	for _, listener := range listeners {
		go func() { log.Print(server.Serve(listener)) }()
	}
	log.Printf("%s %s listens on %d ports", os.Getenv("NAME"), os.Getenv("VERSION"), len(listeners))
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	<-ended
}

func handler() http.Handler {
	if os.Getenv("NEVER_READY") != "" {
		return http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
			http.Error(answer, "told never to be ready", http.StatusServiceUnavailable)
		})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", show)
	mux.HandleFunc("GET /identity", show) // Plex's probe
	mux.HandleFunc("GET /echo", echo)
	mux.HandleFunc("GET /data/{$}", list)
	mux.HandleFunc("GET /data/{name}", read)
	mux.HandleFunc("PUT /data/{name}", write)
	mux.HandleFunc("DELETE /data/{name}", remove)
	return mux
}

func show(answer http.ResponseWriter, request *http.Request) {
	host, _ := os.Hostname()
	name := cmp.Or(os.Getenv("NAME"), strings.Split(request.Host, ".")[0])
	said := [][2]string{
		{"name", name},
		{"version", os.Getenv("VERSION")},
		{"node", os.Getenv("NODE_NAME")},
		{"pod", cmp.Or(os.Getenv("POD_NAME"), host)},
		{"user", fmt.Sprint(os.Getuid())},
		{"forwarded", request.Header.Get("X-Forwarded-Proto")},
	}
	answer.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(answer, "<!doctype html><title>%s</title>\n<h1>%[1]s</h1>\n", html.EscapeString(name))
	for _, each := range said[1:] {
		fmt.Fprintf(answer, "<p>%s: %s</p>\n", each[0], html.EscapeString(each[1]))
	}
}

// echo leaves HTTP, as WebSocket does, and gives back every byte.
func echo(answer http.ResponseWriter, request *http.Request) {
	if request.Header.Get("Upgrade") != "echo" {
		http.Error(answer, "this needs `Upgrade: echo`", http.StatusUpgradeRequired)
		return
	}
	connection, buffered, err := http.NewResponseController(answer).Hijack()
	if err != nil {
		http.Error(answer, err.Error(), http.StatusInternalServerError)
		return
	}
	defer connection.Close()
	fmt.Fprint(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	_, _ = io.Copy(connection, buffered)
}

// folder confines every name to the data folder.
func folder() (*os.Root, error) {
	if given := os.Getenv("DATA"); given != "" {
		return os.OpenRoot(given)
	}
	root, err := os.OpenRoot("/config")
	if errors.Is(err, fs.ErrNotExist) {
		return os.OpenRoot("/data")
	}
	return root, err
}

func list(answer http.ResponseWriter, _ *http.Request) {
	root, err := folder()
	if failed(answer, err) {
		return
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if failed(answer, err) {
		return
	}
	for _, entry := range entries {
		fmt.Fprintln(answer, entry.Name())
	}
}

func read(answer http.ResponseWriter, request *http.Request) {
	root, err := folder()
	if failed(answer, err) {
		return
	}
	defer root.Close()
	file, err := root.Open(request.PathValue("name"))
	if failed(answer, err) {
		return
	}
	defer file.Close()
	answer.Header().Set("Content-Type", "application/octet-stream")
	_, _ = io.Copy(answer, file)
}

// write answers when the file is on the disk, whole.
func write(answer http.ResponseWriter, request *http.Request) {
	root, err := folder()
	if failed(answer, err) {
		return
	}
	defer root.Close()
	name := request.PathValue("name")
	scratch := fmt.Sprintf(".%s.%d", name, time.Now().UnixNano())
	file, err := root.Create(scratch)
	if failed(answer, err) {
		return
	}
	_, copied := io.Copy(file, request.Body)
	if failed(answer, errors.Join(copied, file.Sync(), file.Close())) {
		_ = root.Remove(scratch)
		return
	}
	if failed(answer, root.Rename(scratch, name)) {
		return
	}
	answer.WriteHeader(http.StatusCreated)
}

func remove(answer http.ResponseWriter, request *http.Request) {
	root, err := folder()
	if failed(answer, err) {
		return
	}
	defer root.Close()
	if !failed(answer, root.Remove(request.PathValue("name"))) {
		answer.WriteHeader(http.StatusNoContent)
	}
}

func failed(answer http.ResponseWriter, err error) bool {
	switch {
	case err == nil:
		return false
	case errors.Is(err, fs.ErrNotExist):
		http.Error(answer, err.Error(), http.StatusNotFound)
	default:
		http.Error(answer, err.Error(), http.StatusInternalServerError)
	}
	return true
}
