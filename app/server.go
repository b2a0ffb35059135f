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
type server struct{ addressServers []*addressServer }

// addressServer is one address.
type addressServer struct {
	http     *http.Server
	listener *boundedListener
	// serve returns when the door is closed.
	serve func(net.Listener) error
	// errors are those of the HTTP server.
	errors serverErrors
}

// newServer opens the addresses, so that one that is taken is an error of the start. With an address for metrics, the pages are
// there and the webhooks on the other; both tell their health.
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

// connectionMetrics counts what happens at the addresses.
type connectionMetrics interface {
	AcceptFailure()
	Evicted(n int)
}

// newAddressServer opens an address, which the key of the configuration sets. Whoever sends slowly is cut off.
func newAddressServer(ctx context.Context, address, key string, handler http.Handler, metrics connectionMetrics, logger *slog.Logger) (*addressServer, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; is another server running there? %s in the configuration sets another one", address, err, key)
	}
	d := &addressServer{
		listener: newBoundedListener(listener, maxConnections, metrics.AcceptFailure, metrics.Evicted, logger),
		errors:   newServerErrors(logger),
	}
	d.http = &http.Server{
		Handler:           limitRequests(handler),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second, // GitHub gives up after 10
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          d.errors.logger(),
		ConnContext:       withConnection,
		// What HTTP/2 buffers of bodies before anybody reads them, in all of a connection.
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 32, MaxReceiveBufferPerConnection: 64 << 10, MaxReceiveBufferPerStream: 16 << 10},

		DisableGeneralOptionsHandler: true, // which would answer OPTIONS * with 200
	}
	return d, nil
}

// serve lets requests in. What it returns gets the first error.
func (s *server) serve() <-chan error {
	failed := make(chan error, len(s.addressServers))
	for _, d := range s.addressServers {
		go func() { failed <- d.serve(d.listener) }()
	}
	return failed
}

// addresses are where it listens.
func (s *server) addresses() []string {
	var all []string
	for _, d := range s.addressServers {
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
