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

// healthTimeout is less than the time that container engines give a health check.
const healthTimeout = 5 * time.Second

// CheckHealth asks the server that runs with this configuration on this machine whether it is ready, for images that have no
// curl. It uses the address of the webhooks, which needs no password. The certificate is for another name, so it is not verified.
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
	client := &http.Client{Transport: &http.Transport{ // no proxy
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // its own server on this machine
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

// wantsCertificate reports whether the server rejected the client for lack of a certificate, which shows that it runs.
func wantsCertificate(err error) bool {
	var refused *net.OpError
	return errors.As(err, &refused) && refused.Op == "remote error"
}
