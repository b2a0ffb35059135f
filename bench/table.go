package main

import (
	"fmt"
	"strings"
)

// row is a row of the table: a value of each result in a unit.
type row struct {
	name   string
	value  func(Result) float64
	format func(float64) string
}

var rows = []row{
	{"webhooks accepted a second", func(r Result) float64 { return r.Accepted }, number},
	{"webhooks counted a second, in the last quarter", func(r Result) float64 { return r.Counted }, number},
	{"accepted, compared with a new store in turn", func(r Result) float64 { return r.AcceptedRatio }, ratio},
	{"counted, likewise", func(r Result) float64 { return r.CountedRatio }, ratio},
	{"CPU, likewise", func(r Result) float64 { return r.CPURatio }, ratio},
	{"deployments evaluated a second", func(r Result) float64 { return r.Evaluated }, number},
	{"CPU for a deployment", func(r Result) float64 { return r.CPU }, duration},
	{"disk for a deployment", func(r Result) float64 { return r.Disk }, bytesOf},
	{"memory of the server", func(r Result) float64 { return r.Memory }, bytesOf},
	{"`report` of 90 days", func(r Result) float64 { return r.Report }, duration},
	{"its memory", func(r Result) float64 { return r.ReportMemory }, bytesOf},
	{"`report` of all years", func(r Result) float64 { return r.ReportAll }, duration},
	{"its memory", func(r Result) float64 { return r.ReportAllMemory }, bytesOf},
	{"the page at `/`, nothing cached", func(r Result) float64 { return r.Page }, duration},
	{"`explain deployment`", func(r Result) float64 { return r.ExplainDeployment }, duration},
	{"`explain metric`", func(r Result) float64 { return r.ExplainMetric }, duration},
	{"start after kill -9", func(r Result) float64 { return r.StartKilled }, duration},
	{"start without the checkpoint", func(r Result) float64 { return r.StartBare }, duration},
	{"`backup` beside senders", func(r Result) float64 { return r.Backup }, duration},
	{"copying the file beside senders", func(r Result) float64 { return r.Copy }, duration},
	{"longest wait of a sender during `backup`", func(r Result) float64 { return r.Pause }, duration},
	{"longest wait of a sender during the copy", func(r Result) float64 { return r.CopyPause }, duration},
	{"longest wait of a sender before", func(r Result) float64 { return r.UsualPause }, duration},
}

// table returns a run as Markdown. Values of an earlier run with the same number stand before an arrow.
func table(run, before Run) string {
	var b strings.Builder
	b.WriteString("| deployments |")
	for _, r := range run.Results {
		fmt.Fprintf(&b, " %s |", number(float64(r.Deployments)))
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(run.Results)) + "\n")
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |", row.name)
		for _, r := range run.Results {
			b.WriteString(" ")
			for _, earlier := range before.Results {
				if earlier.Deployments == r.Deployments {
					b.WriteString(row.format(row.value(earlier)) + " → ")
				}
			}
			b.WriteString(row.format(row.value(r)) + " |")
		}
		b.WriteString("\n")
	}
	if len(run.Restored) == 0 {
		return b.String()
	}
	b.WriteString("\n| restored series | memory |\n|---|---|\n")
	for _, r := range run.Restored {
		fmt.Fprintf(&b, "| %s | ", number(float64(r.Series)))
		for _, earlier := range before.Restored {
			if earlier.Series == r.Series {
				b.WriteString(bytesOf(earlier.Memory) + " → ")
			}
		}
		b.WriteString(bytesOf(r.Memory) + " |\n")
	}
	return b.String()
}

// number formats a number with commas between thousands.
func number(v float64) string {
	text := fmt.Sprintf("%.0f", v)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// duration formats seconds.
func duration(seconds float64) string {
	if seconds < 0.1 {
		return fmt.Sprintf("%.1f ms", seconds*1000)
	}
	return fmt.Sprintf("%.2f s", seconds)
}

// ratio formats a ratio, if there is one.
func ratio(v float64) string {
	if v == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", v)
}

func bytesOf(v float64) string {
	if v < 1<<20 {
		return fmt.Sprintf("%.1f KiB", v/(1<<10))
	}
	return fmt.Sprintf("%.0f MiB", v/(1<<20))
}
