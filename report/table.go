package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"dora-exporter/dora"
)

// writeTable writes a report for a terminal.
func writeTable(out io.Writer, r Report, by string) error {
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	printf := func(format string, args ...any) { _, _ = fmt.Fprintf(table, format+"\n", args...) } // the error is kept until Flush
	printf("%s\n", heading(r))
	if len(r.Rows) == 0 {
		printf(noRows)
	} else {
		printf("%s\tMEASURE\tVALUE\tBAND\tMEASURED ON", strings.ToUpper(by))
	}
	for _, row := range r.Rows {
		for _, l := range row.Lines() {
			printf("%s\t%s\t%s\t%s\t%s", dora.Escape(row.Name), l.Measure, l.Value, l.band(), l.Observations)
		}
	}
	printf("")
	if text := environments(r); text != "" {
		printf("%s", text)
	}
	if text := unsettled(r); text != "" {
		printf("%s", text)
	}
	if len(r.Differences) == 0 {
		printf("%s", noDifferences(r))
		return table.Flush()
	}
	printf(differencesFollow)
	if err := table.Flush(); err != nil { // so that the second table has columns of its own
		return err
	}
	printf("%s\tSERIES\tEVENTS\t/METRICS", strings.ToUpper(by))
	for _, d := range r.Differences {
		printf("%s\t%s\t%s\t%s", dora.Escape(d.Row), d.Series, number(d.Events), number(d.Metrics))
	}
	return table.Flush()
}
