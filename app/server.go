package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"dora-exporter/config"
)

// server is the HTTP side: webhooks in, metrics, health and a page out, all on one address or the webhooks on their own.
type server struct{ doors []*door }

// door is one address.
type door struct {
	http     *http.Server
	listener net.Listener
	// serve returns when the door is closed.
	serve func(net.Listener) error
	// connections are those that are open.
	connections connections
}

// open opens the addresses, so that one that is taken is an error of the start. With an address for metrics, the pages are
// there and the webhooks on the other; both tell their health.
func open(ctx context.Context, c *config.Config, web *WebConfig, e endpoints, webhooks func(gin.IRouter), logger *slog.Logger) (*server, error) {
	s := &server{}
	pages, health := e.pages(), e.health()
	if c.Server.MetricsListen == "" {
		health = append(health, pages...)
	}
	d, err := newDoor(ctx, c.Server.Address(), "server.port", newEngine(health, webhooks, logger), logger)
	if err != nil {
		return nil, err
	}
	s.doors = append(s.doors, d)
	d.serve = web.webhooks(d.http)
	if c.Server.MetricsListen == "" {
		return s, nil
	}
	d, err = newDoor(ctx, c.Server.MetricsListen, "server.metrics_listen", newEngine(append(e.health(), pages...), nil, logger), logger)
	if err != nil {
		_ = s.doors[0].listener.Close()
		return nil, err
	}
	s.doors = append(s.doors, d)
	d.serve = web.metrics(d.http, logger)
	return s, nil
}

// newDoor opens an address, which the key of the configuration sets. Whoever sends slowly is cut off.
func newDoor(ctx context.Context, address, key string, handler http.Handler, logger *slog.Logger) (*door, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; is another server running there? %s in the configuration sets another one", address, err, key)
	}
	d := &door{listener: listener}
	d.http = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      90 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		ConnState:         d.connections.note,

		DisableGeneralOptionsHandler: true, // which would answer OPTIONS * with 200
	}
	return d, nil
}

// serve lets requests in. What it returns gets the first error.
func (s *server) serve() <-chan error {
	failed := make(chan error, len(s.doors))
	for _, d := range s.doors {
		go func() { failed <- d.serve(d.listener) }()
	}
	return failed
}

// addresses are where it listens.
func (s *server) addresses() []string {
	var all []string
	for _, d := range s.doors {
		all = append(all, d.listener.Addr().String())
	}
	return all
}

// stop takes no new requests and waits for those under way, at most for a time, then cuts them off. Bodies that have not come
// a little before that are waited for no longer, so that their senders get an answer.
func (s *server) stop(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var stopping sync.WaitGroup
	for _, d := range s.doors {
		stopping.Go(func() {
			hurry := time.AfterFunc(limit/4*3, d.connections.endReads)
			defer hurry.Stop()
			if err := d.http.Shutdown(ctx); err != nil {
				_ = d.http.Close()
			}
		})
	}
	stopping.Wait()
}

// connections are those of a server that are open.
type connections struct{ open sync.Map }

// note is told by the server what becomes of a connection.
func (c *connections) note(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		c.open.Store(conn, nil)
	case http.StateClosed, http.StateHijacked:
		c.open.Delete(conn)
	case http.StateActive, http.StateIdle:
	}
}

// endReads has every read fail from now on, as if it had taken too long.
func (c *connections) endReads() {
	c.open.Range(func(conn, _ any) bool {
		_ = conn.(net.Conn).SetReadDeadline(time.Unix(1, 0)) // one that is closed has no reads
		return true
	})
}
