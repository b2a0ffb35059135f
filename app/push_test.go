package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/config"
)

// The attributes of the configuration win over those of the program.
func TestResource(t *testing.T) {
	o := config.OTLP{ResourceAttributes: map[string]string{"service.name": "file", "deployment.environment.name": "a,b"}}
	if diff := cmp.Diff(map[string]string{
		"service.name": "file", "service.version": "1.2.3", "service.instance.id": "id", "deployment.environment.name": "a,b",
	}, resourceAttributes(&o, "1.2.3", "id")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
