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

// server serves HTTP: webhooks, metrics, health and pages on one address, or the webhooks on an address of their own.
type server struct{ addressServers []*addressServer }

// addressServer serves an address.
type addressServer struct {
	http     *http.Server
	listener *boundedListener
	// serve returns when the listener is closed.
	serve func(net.Listener) error
	// errors logs the errors of the HTTP server.
	errors serverErrors
}

// newServer listens on the addresses, so that an address in use is an error of the start. If there is an address for metrics, it also
// serves the pages, and the other one only webhooks; both serve health.
func newServer(ctx context.Context, c *config.Config, web *WebConfig, e endpoints, webhooks func(gin.IRouter), metrics connectionMetrics, logger *slog.Logger) (*server, error) {
	s := &server{}
	pages, health := e.pages(), e.health()
	if c.Server.MetricsListen == "" {
		health = append(health, pages...)
	}
	d, err := newAddressServer(ctx, c.Server.Address(), "server.port", newEngine(health, webhooks, logger), metrics, logger)
	if err != nil {
		return nil, err
	}
	s.addressServers = append(s.addressServers, d)
	d.serve = web.webhooks(d.http)
	if c.Server.MetricsListen == "" {
		return s, nil
	}
	d, err = newAddressServer(ctx, c.Server.MetricsListen, "server.metrics_listen", newEngine(append(e.health(), pages...), nil, logger), metrics, logger)
	if err != nil {
		_ = s.addressServers[0].listener.Close()
		return nil, err
	}
	s.addressServers = append(s.addressServers, d)
	d.serve = web.metrics(d.http, logger)
	return s, nil
}

// connectionMetrics counts events of connections.
type connectionMetrics interface {
	AcceptFailure()
	Evicted(n int)
}

// newAddressServer listens on an address; key is the key of the configuration that sets it. Timeouts cut off slow clients.
func newAddressServer(ctx context.Context, address, key string, handler http.Handler, metrics connectionMetrics, logger *slog.Logger) (*addressServer, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; is another server running there? Set another address with %s in the configuration", address, err, key)
	}
	d := &addressServer{
		listener: newBoundedListener(listener, maxConnections, metrics.AcceptFailure, metrics.Evicted, logger),
		errors:   newServerErrors(logger),
	}
	d.http = &http.Server{
		Handler:           limitRequests(handler),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second, // GitHub's own timeout is 10 s
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          d.errors.logger(),
		ConnContext:       withConnection,
		// Bounds the memory of bodies that HTTP/2 buffers before anybody reads them.
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 32, MaxReceiveBufferPerConnection: 64 << 10, MaxReceiveBufferPerStream: 16 << 10},

		DisableGeneralOptionsHandler: true, // it would answer OPTIONS * with 200
	}
	return d, nil
}

// serve starts serving. The returned channel receives the first error of each address.
func (s *server) serve() <-chan error {
	failed := make(chan error, len(s.addressServers))
	for _, d := range s.addressServers {
		go func() { failed <- d.serve(d.listener) }()
	}
	return failed
}

// addresses returns the addresses that the server listens on.
func (s *server) addresses() []string {
	var all []string
	for _, d := range s.addressServers {
		all = append(all, d.listener.Addr().String())
	}
	return all
}

// stop refuses new requests and waits for current ones, at most for limit, then closes their connections. After three quarters of
// limit it stops waiting for request bodies, so that their senders still get an answer.
func (s *server) stop(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var stopping sync.WaitGroup
	for _, d := range s.addressServers {
		stopping.Go(func() {
			hurry := time.AfterFunc(limit/4*3, d.listener.endReads)
			defer hurry.Stop()
			if err := d.http.Shutdown(ctx); err != nil {
				_ = d.http.Close()
			}
			d.errors.summary.Flush()
		})
	}
	stopping.Wait()
}
