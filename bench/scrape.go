package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

func (e *exporter) get(ctx context.Context, path string) (string, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.address+path, http.NoBody)
	if err != nil {
		return "", err
	}
	q.Header.Set("Accept-Encoding", "identity")
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	return string(text), err
}

// gauges returns the sum of metrics without labels. It asks for these alone: a whole scrape would add to the load.
func (e *exporter) gauges(ctx context.Context, names ...string) (sum float64, err error) {
	text, err := e.get(ctx, "/metrics?"+url.Values{"name[]": names}.Encode())
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		_, rest, found := strings.Cut(text, "\n"+name+" ")
		value, _, _ := strings.Cut(rest, "\n")
		v, err := strconv.ParseFloat(value, 64)
		if !found || err != nil {
			return 0, fmt.Errorf("there is no metric %s", name)
		}
		sum += v
	}
	return sum, nil
}

const backlog = "dora_exporter_backlog"

// waitUntilZero waits until metrics are 0, as long as their sum goes down.
func (e *exporter) waitUntilZero(ctx context.Context, names ...string) error {
	least, fell := math.Inf(1), time.Now()
	return e.until(ctx, 250*time.Millisecond, func() (bool, error) {
		n, err := e.gauges(ctx, names...)
		if n < least {
			least, fell = n, time.Now()
		}
		if err == nil && time.Since(fell) > patience {
			err = fmt.Errorf("%s: still %.0f after %s", strings.Join(names, " + "), n, patience)
		}
		return n == 0, err
	})
}

// waitUntilIdle waits until nothing waits to be processed, looked up or evaluated.
func (e *exporter) waitUntilIdle(ctx context.Context) error {
	return e.waitUntilZero(ctx, backlog, "dora_exporter_github_lookups_waiting", "dora_exporter_evaluations_waiting")
}
