package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/config"
)

// The attributes of the configuration win over those of the program. Only traces have the version unless it is asked for.
func TestResource(t *testing.T) {
	o := config.OTLP{ResourceAttributes: map[string]string{"service.name": "file", "deployment.environment.name": "a,b"}}
	metrics := map[string]string{"service.name": "file", "service.instance.id": "id", "deployment.environment.name": "a,b"}
	if diff := cmp.Diff(metrics, resourceAttributes(&o, "id")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	traces := map[string]string{"service.name": "file", "service.version": "1.2.3", "service.instance.id": "id", "deployment.environment.name": "a,b"}
	if diff := cmp.Diff(traces, versioned(resourceAttributes(&o, "id"), "1.2.3")); diff != "" {
		t.Errorf("traces: -want +got:\n%s", diff)
	}
	o.ResourceAttributes = map[string]string{"service.version": "asked"}
	if got := resourceAttributes(&o, "id")["service.version"]; got != "asked" {
		t.Errorf("the version is %q", got)
	}
}
