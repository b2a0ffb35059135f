package app

import (
	"log"
	"log/slog"
	"strings"

	"dora-exporter/dora"
)

// maxServerErrorBytes bounds the logged text of an error of the HTTP server, which may quote what a client sent.
const maxServerErrorBytes = 300

// serverErrors logs errors of the HTTP server, such as those of TLS handshakes, which anybody can cause.
type serverErrors struct {
	summary *dora.Summary[string, string]
}

func newServerErrors(logger *slog.Logger) serverErrors {
	return serverErrors{dora.NewSummary(summaryInterval, func(_ string, n int, newest string) {
		logger.Debug("http server", "error", newest, "times", n)
	})}
}

// Write takes one message of a log.Logger.
func (s serverErrors) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	kind := "other"
	if strings.Contains(text, "TLS handshake error") {
		kind = "TLS"
	}
	s.summary.Add(kind, strings.ToValidUTF8(text[:min(len(text), maxServerErrorBytes)], "\uFFFD"))
	return len(p), nil
}

func (s serverErrors) logger() *log.Logger { return log.New(s, "", 0) }
