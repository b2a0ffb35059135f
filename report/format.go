package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// writers write a report in each format. by is team or repo: what a row is for.
var writers = map[string]func(out io.Writer, r Report, by string) error{
	"table": writeTable, "json": writeJSON, "csv": writeCSV, "markdown": writeMarkdown,
}

// Write writes a report as table, json, csv or markdown.
func (r Report) Write(out io.Writer, format string, o Options) error {
	write, ok := writers[format]
	if !ok {
		return fmt.Errorf("unknown format %q of a report: must be one of: %v", format, slices.Sorted(maps.Keys(writers)))
	}
	by := "team"
	if o.ByRepository {
		by = "repo"
	}
	return write(out, r, by)
}
