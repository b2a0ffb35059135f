package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gin-gonic/gin"
)

// server is the HTTP side: webhooks in, metrics, health and a page out.
type server struct {
	http     *http.Server
	listener net.Listener
}

// endpoints are the handlers that the server mounts beside the webhooks.
type endpoints struct {
	metrics http.Handler
	page    http.HandlerFunc
	// ready returns why the program can't do its work, nil when it can.
	ready func() error
}

// newEngine mounts everything. Methods that are not documented get 405.
func newEngine(e endpoints, webhooks func(gin.IRouter), logger *slog.Logger) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	if err := engine.SetTrustedProxies(nil); err != nil {
		return nil, fmt.Errorf("trust no proxies: %w", err)
	}
	engine.Use(recovery(logger))
	webhooks(engine)
	for path, handler := range map[string]http.Handler{
		"/":        e.page,
		"/metrics": e.metrics,
		"/healthz": http.HandlerFunc(healthz),
		"/readyz":  readyz(e.ready),
	} {
		engine.GET(path, gin.WrapH(handler))
		engine.HEAD(path, gin.WrapH(handler))
	}
	return engine, nil
}

// healthz says that the process answers.
func healthz(w http.ResponseWriter, _ *http.Request) {
	_, _ = fmt.Fprintln(w, "ok")
}

// readyz says whether the program can do its work: values restored, store and checkpoint writable.
func readyz(ready func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ready")
	}
}

// recovery answers 500 when a handler panics and logs where, in one line.
func recovery(logger *slog.Logger) gin.HandlerFunc {
	return gin.CustomRecoveryWithWriter(nil, func(c *gin.Context, cause any) {
		logger.Error("a handler panicked", "path", c.Request.URL.Path, "error", cause, "stack", string(debug.Stack()))
		c.AbortWithStatus(http.StatusInternalServerError)
	})
}

// listen opens the address, so that a port that is taken is an error of the start.
func listen(ctx context.Context, address string, handler http.Handler, logger *slog.Logger) (*server, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; is another server running there? server.port in the configuration sets another one", address, err)
	}
	return &server{
		listener: listener,
		http: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: 10 * time.Second,
			ReadTimeout:       60 * time.Second,
			WriteTimeout:      90 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    64 << 10,
			ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		},
	}, nil
}

// stop takes no new requests and waits for those under way, at most for a time, then cuts them off.
func (s *server) stop(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close()
	}
}
