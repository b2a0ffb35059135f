package instrumentation

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Failures are counted, and logged once when they begin and once when they end.
func TestPushFailures(t *testing.T) {
	for protocol, p := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := p.receiver(t, "127.0.0.1:0", nil)
			i := restored(t)
			log := &lockedBuffer{}
			push := startAndWait(t, i, pushOptions(protocol, p.endpoint(r.Address, "http"), slog.New(slog.NewTextHandler(log, nil))), r)
			for _, refuses := range []bool{false, true, true, true, false, false} {
				r.Refuse(refuses)
				if err := push.reader.ForceFlush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			stop(t, push)
			text := log.String()
			if strings.Count(text, "pushing metrics failed") != 1 || strings.Count(text, "pushing metrics works again") != 1 {
				t.Errorf("not one line each:\n%s", text)
			}
			if strings.Contains(text, canary) || !strings.Contains(text, "(authorization)") {
				t.Errorf("a header is told, or the receiver's words are not:\n%s", text)
			}
			for _, want := range []string{`dora_exporter_otlp_exports_total{result="ok"} 5`, `dora_exporter_otlp_exports_total{result="error"} 3`} {
				if !strings.Contains(scrape(t, i, ""), want+"\n") {
					t.Errorf("no %s in\n%s", want, families(scrape(t, i, ""), "dora_exporter_otlp"))
				}
			}
		})
	}
}

// A partial success is logged once and is no failure. A message without rejected points is neither.
func TestPartialSuccess(t *testing.T) {
	for protocol, p := range protocols {
		t.Run(protocol, func(t *testing.T) {
			r := p.receiver(t, "127.0.0.1:0", nil)
			i := restored(t)
			log := &lockedBuffer{}
			push := startAndWait(t, i, pushOptions(protocol, p.endpoint(r.Address, "http"), slog.New(slog.NewTextHandler(log, nil))), r)
			for _, refused := range []int64{0, 2, 3, 0} {
				r.RejectPart("a point is odd (1 of them rejected)", refused)
				if err := push.reader.ForceFlush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			stop(t, push)
			text := log.String()
			if strings.Count(text, "receiver rejected a part of the metrics") != 1 || strings.Count(text, "pushing metrics works again") != 1 || strings.Contains(text, "ERROR") {
				t.Errorf("the log is\n%s", text)
			}
			for _, want := range []string{`{result="ok"} 4`, `{result="partial"} 2`, `{result="error"} 0`} {
				if want = "dora_exporter_otlp_exports_total" + want; !strings.Contains(scrape(t, i, ""), want+"\n") {
					t.Errorf("no %s in\n%s", want, families(scrape(t, i, ""), "dora_exporter_otlp"))
				}
			}
		})
	}
}

// A receiver that is slow or away delays neither scrapes nor the recording, and a stop only up to its limit.
func TestSlowReceiver(t *testing.T) {
	for protocol, p := range protocols {
		for _, away := range []bool{false, true} {
			t.Run(fmt.Sprint(protocol, away), func(t *testing.T) {
				r := p.receiver(t, "127.0.0.1:0", nil)
				r.Block()
				if away {
					r.Close()
				}
				i := restored(t)
				push := start(t, i, pushOptions(protocol, p.endpoint(r.Address, "http"), slog.New(slog.DiscardHandler)))
				ctx, cancel := context.WithCancel(t.Context())
				flushing := make(chan struct{})
				go func() { _ = push.reader.ForceFlush(ctx); close(flushing) }()
				if !away {
					eventually(t, "a request is blocked", func() bool { return len(r.Requests()) > 0 })
				}
				began := time.Now()
				record(t, i, someFacts()...)
				scrape(t, i, "")
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("a scrape took %s", took)
				}
				cancel()
				<-flushing
				endsInTime(t, push.Stop)
			})
		}
	}
}

func TestPushOverTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	defer server.Close()
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	for protocol, p := range protocols {
		for name, c := range map[string]*tls.Config{
			"trusted": {RootCAs: trusted, Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS12},
			"unknown": {MinVersion: tls.VersionTLS12},
		} {
			t.Run(protocol+name, func(t *testing.T) {
				r := p.receiver(t, "127.0.0.1:0", &tls.Config{
					Certificates: server.TLS.Certificates, ClientAuth: tls.RequireAnyClientCert, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12,
				})
				o := pushOptions(protocol, p.endpoint(r.Address, "https"), slog.New(slog.DiscardHandler))
				o.TLS = c
				limited, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				_ = start(t, restored(t), o).Stop(limited)
				if got := len(r.Requests()); (got > 0) != (name == "trusted") {
					t.Errorf("%d requests", got)
				}
			})
		}
	}
}
