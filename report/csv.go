package report

import (
	"cmp"
	"encoding/csv"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"dora-exporter/dora"
)

// writeCSV writes a report for spreadsheets. Differences are rows of the same table.
func writeCSV(out io.Writer, r Report, by string) error {
	table := csv.NewWriter(out)
	write := func(cells ...string) { _ = table.Write(cells) } // the error is kept until Flush
	write(by, "measure", "value", "unit", "percentile_85", "band", "observations", "on_metrics", "from", "to")
	from, to := r.From.UTC().Format(time.RFC3339), r.To.UTC().Format(time.RFC3339)
	for _, row := range r.Rows {
		writeMeasure := func(name string, m Measure, unit, percentile85, noBand string) {
			write(escapeFormula(row.Name), name, number(m.Value), unit, percentile85, cmp.Or(string(m.Band), noBand), strconv.Itoa(m.Observations), "", from, to)
		}
		writeMeasure("deployment_frequency", row.Frequency, "per_day", "", noBand(row.Frequency))
		writeMeasure("lead_time_for_changes", row.LeadTime, "seconds", number(row.LeadTime85), noBand(row.LeadTime))
		writeMeasure("change_failure_rate", row.FailureRate, "ratio", "", noBand(row.FailureRate))
		writeMeasure("failed_deployment_recovery_time", row.Recovery, "seconds", "", noBand(row.Recovery))
		writeMeasure("rework_rate", row.Rework, "ratio", "", noReworkBand(row.Rework))
	}
	for _, d := range r.Differences {
		unit := "count"
		if strings.HasSuffix(d.Series, "_sum") {
			unit = "seconds"
		}
		write(escapeFormula(d.Row), d.Series, number(d.Events), unit, "", "", "", number(d.Metrics), "", "")
	}
	table.Flush()
	return table.Error()
}

// escapeFormula prefixes names that a spreadsheet would evaluate. https://owasp.org/www-community/attacks/CSV_Injection
func escapeFormula(name string) string {
	name = dora.Escape(name)
	if name != "" && strings.ContainsRune("=+-@", rune(name[0])) {
		return "'" + name
	}
	return name
}

// number writes a value with at most six decimals; nothing for NaN.
func number(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
}
