package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A server that answers too late is not taken for one that does not run.
func TestExplained(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, unreachable := pgx.Connect(ended, "postgres://127.0.0.1:1/db?sslmode=disable")
	for name, test := range map[string]struct {
		err       error
		want, not string
	}{
		"late":        {fmt.Errorf("register this process: %w", context.DeadlineExceeded), "pg_locks", "check that the server runs"},
		"unreachable": {unreachable, "check that the server runs", "pg_locks"},
	} {
		t.Run(name, func(t *testing.T) {
			text := explained("database x", "y", test.err).Error()
			if !strings.Contains(text, test.want) || strings.Contains(text, test.not) {
				t.Errorf("the message is %q, want %q and not %q", text, test.want, test.not)
			}
		})
	}
}
