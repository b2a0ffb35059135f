package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"dora-exporter/dora/rules"
)

// writeTable writes a report for a terminal.
func writeTable(out io.Writer, r rules.Report, by string) error {
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(table, format+"\n", args...) } // kept until Flush
	say("%s\n", span(r))
	if len(r.Rows) == 0 {
		say(noRows)
	} else {
		say("%s\tMEASURE\tVALUE\tBAND\tMEASURED ON", strings.ToUpper(by))
	}
	for _, row := range r.Rows {
		for _, l := range lines(row) {
			say("%s\t%s\t%s\t%s\t%s", printable(row.Name), l.measure, l.value, l.band, l.observations)
		}
	}
	say("")
	if text := unsettled(r); text != "" {
		say("%s", text)
	}
	if len(r.Differences) == 0 {
		say(noDifferences)
		return table.Flush()
	}
	say(differences)
	if err := table.Flush(); err != nil { // so that the second table has columns of its own
		return err
	}
	say("%s\tSERIES\tEVENTS\t/METRICS", strings.ToUpper(by))
	for _, d := range r.Differences {
		say("%s\t%s\t%s\t%s", printable(d.Row), d.Series, number(d.Events), number(d.Metrics))
	}
	return table.Flush()
}

// writeMarkdown writes a report as tables of GitHub's Markdown. https://github.github.com/gfm/#tables-extension-
func writeMarkdown(out io.Writer, r rules.Report, by string) error {
	var b strings.Builder
	cells := func(all ...string) { b.WriteString("| " + strings.Join(all, " | ") + " |\n") }
	b.WriteString(span(r) + "\n\n")
	if len(r.Rows) == 0 {
		b.WriteString(noRows + "\n")
	} else {
		cells(by, "measure", "value", "band", "measured on")
		cells("---", "---", "---", "---", "---")
	}
	for _, row := range r.Rows {
		for _, l := range lines(row) {
			cells(markdown(row.Name), l.measure, l.value, l.band, l.observations)
		}
	}
	b.WriteString("\n")
	if text := unsettled(r); text != "" {
		b.WriteString(text + "\n\n")
	}
	if len(r.Differences) == 0 {
		b.WriteString(noDifferences + "\n")
	} else {
		b.WriteString(differences + "\n\n")
		cells(by, "series", "events", "/metrics")
		cells("---", "---", "---:", "---:")
		for _, d := range r.Differences {
			cells(markdown(d.Row), "`"+d.Series+"`", number(d.Events), number(d.Metrics))
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// markdown escapes what would end a cell or be taken for markup: it comes from outside.
func markdown(s string) string {
	return strings.NewReplacer("|", `\|`, "[", `\[`, "]", `\]`, "`", "\\`", "*", `\*`, "&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(printable(s))
}

// writeCSV writes a report for spreadsheets, and what differs from /metrics as rows of the same table.
func writeCSV(out io.Writer, r rules.Report, by string) error {
	table := csv.NewWriter(out)
	write := func(cells ...string) { _ = table.Write(cells) } // the error is kept until Flush
	write(by, "measure", "value", "unit", "percentile_85", "band", "observations", "on_metrics", "from", "to")
	from, to := r.From.UTC().Format(time.RFC3339), r.To.UTC().Format(time.RFC3339)
	for _, row := range r.Rows {
		one := func(name string, m rules.Measure, unit, p85, band string) {
			write(formulaless(row.Name), name, number(m.Value), unit, p85, band, strconv.Itoa(m.Observations), "", from, to)
		}
		one("deployment_frequency", row.Frequency, "per_day", "", band(row.Frequency))
		one("lead_time_for_changes", row.LeadTime, "seconds", number(row.LeadTime85), band(row.LeadTime))
		one("change_failure_rate", row.FailureRate, "ratio", "", band(row.FailureRate))
		one("failed_deployment_recovery_time", row.Recovery, "seconds", "", band(row.Recovery))
		one("rework_rate", row.Rework, "ratio", "", reworkBand(row.Rework))
	}
	for _, d := range r.Differences {
		unit := "count"
		if strings.HasSuffix(d.Series, "_sum") {
			unit = "seconds"
		}
		write(formulaless(d.Row), d.Series, number(d.Events), unit, "", "", "", number(d.Metrics), "", "")
	}
	table.Flush()
	return table.Error()
}

// formulaless keeps a spreadsheet from taking a name for a formula. https://owasp.org/www-community/attacks/CSV_Injection
func formulaless(s string) string {
	s = printable(s)
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}

// number writes a value for programs, with six decimals at most; nothing for none.
func number(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
}
