package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"dora-exporter/config"
)

// healthMayTake is less than a container engine waits for its health check.
const healthTimeout = 5 * time.Second

// CheckHealth asks the server that runs with this configuration on this machine whether it is ready, for images that have no
// curl. It asks on the webhooks' address, which has no passwords. Its certificate is that of another name and is not checked.
func CheckHealth(ctx context.Context, c *config.Config, web *WebConfig) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	scheme := "http"
	if web.TLSConfig.IsEnabled() {
		scheme = "https"
	}
	url := scheme + "://" + c.Server.LocalAddress() + "/readyz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask %s: %w", url, err)
	}
	client := &http.Client{Transport: &http.Transport{ // without a proxy
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // it asks itself
	}}
	answer, err := client.Do(request)
	if wantsCertificate(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("GET %s: %w", url, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: status %d: %s", url, answer.StatusCode, strings.TrimSpace(string(text)))
	}
	return nil
}

// wantsCertificate says whether the server has refused a client without a certificate: it runs, and tells nobody else more.
func wantsCertificate(err error) bool {
	var refused *net.OpError
	return errors.As(err, &refused) && refused.Op == "remote error"
}
