// Package check runs checks and prints what they have found.
package check

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"dora-exporter/dora"
)

// Check looks at one thing. It returns its findings in a fixed order, and soon after ctx has ended.
type Check func(ctx context.Context) []dora.Finding

// Run runs checks side by side, each for at most limit, and returns all findings in the order of the checks.
func Run(ctx context.Context, limit time.Duration, checks ...Check) []dora.Finding {
	found := make([][]dora.Finding, len(checks))
	var running sync.WaitGroup
	for i, check := range checks {
		running.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			found[i] = check(ctx)
		})
	}
	running.Wait()
	return slices.Concat(found...)
}

// Failed counts the findings that failed.
func Failed(all []dora.Finding) (n int) {
	for _, f := range all {
		if f.Status == dora.FindingFailed {
			n++
		}
	}
	return n
}

// Write writes findings as text, a line each, or as json.
func Write(out io.Writer, all []dora.Finding, format string) error {
	if format == "json" {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(struct {
			OK       bool           `json:"ok"`
			Findings []dora.Finding `json:"findings"`
		}{Failed(all) == 0, all})
	}
	for _, f := range all {
		if _, err := fmt.Fprintln(out, line(f)); err != nil {
			return err
		}
	}
	return nil
}

// marks are the first characters of lines by status.
var marks = map[string]string{dora.FindingOK: "✓", dora.FindingWarning: "!", dora.FindingFailed: "✗"}

func line(f dora.Finding) string {
	text := marks[f.Status] + " " + f.Check
	if f.Subject != "" {
		text += " " + dora.Escape(f.Subject)
	}
	text += ": " + dora.Escape(f.Text)
	if f.Remedy != "" {
		text += ": " + f.Remedy
	}
	return text
}
