package testexporter

import (
	"testing"

	"dora-exporter/internal/process"
)

// FreeAddress returns an address of this machine that nothing listens at and no other test has.
func FreeAddress(t testing.TB) string {
	t.Helper()
	address, err := process.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return address
}
