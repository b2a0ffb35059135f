package app

import (
	"context"
	"strings"
	"sync"
	"testing"
)

// lockedLog collects log lines, and calls found once when a line contains text.
type lockedLog struct {
	mu    sync.Mutex
	lines strings.Builder
	text  string
	found func()
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.found != nil && strings.Contains(string(p), l.text) {
		l.found()
	}
	return l.lines.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.String()
}

// contextEndedBy returns a context that ends when the log gets a line with a text.
func contextEndedBy(t *testing.T, l *lockedLog, text string) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text, l.found = text, cancel
	return ctx, cancel
}
