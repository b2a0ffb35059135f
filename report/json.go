package report

import (
	"encoding/json"
	"io"
	"math"
	"time"

	"dora-exporter/dora"
)

// jsonReport is a report for programs. Its keys are stable; durations are in seconds.
type jsonReport struct {
	From         time.Time        `json:"from"`
	CompleteFrom time.Time        `json:"complete_from,omitzero"`
	To           time.Time        `json:"to"`
	By           string           `json:"by"`
	Rows         []jsonRow        `json:"rows"`
	Differences  []jsonDifference `json:"differences"`
	// Environments are those that deployments have gone to, over all time.
	Environments []dora.Environment `json:"environments"`
	Unsettled    int                `json:"unsettled"`
}

type jsonRow struct {
	Name      string `json:"name"`
	Frequency struct {
		jsonMeasure
		PerDay  *float64 `json:"per_day"`
		PerWeek *float64 `json:"per_week"`
	} `json:"deployment_frequency"`
	LeadTime struct {
		jsonMeasure
		Median          *float64 `json:"median_seconds"`
		Percentile85    *float64 `json:"percentile_85_seconds"`
		WithoutLeadTime int      `json:"changes_without_lead_time"`
	} `json:"lead_time_for_changes"`
	FailureRate struct {
		jsonMeasure
		Rate     *float64           `json:"rate"`
		Failures int                `json:"failures"`
		Causes   map[dora.Cause]int `json:"causes"`
	} `json:"change_failure_rate"`
	Recovery struct {
		jsonMeasure
		Median     *float64 `json:"median_seconds"`
		Unrepaired int      `json:"unrepaired"`
	} `json:"failed_deployment_recovery_time"`
	Rework struct {
		jsonMeasure
		Rate    *float64 `json:"rate"`
		Repairs int      `json:"rework_deployments"`
	} `json:"rework_rate"`
}

type jsonMeasure struct {
	Observations int `json:"observations"`
	// Band is null if there is none, and then NoBand says why.
	Band   *Band  `json:"band"`
	NoBand string `json:"no_band,omitempty"`
}

type jsonDifference struct {
	Name    string  `json:"name"`
	Series  string  `json:"series"`
	Events  float64 `json:"events"`
	Metrics float64 `json:"metrics"`
}

// writeJSON writes a report for programs.
func writeJSON(out io.Writer, r Report, by string) error {
	j := jsonReport{From: r.From.UTC(), CompleteFrom: r.CompleteFrom, To: r.To.UTC(), By: by, Rows: []jsonRow{}, Differences: []jsonDifference{}, Unsettled: r.Unsettled}
	j.Environments = append([]dora.Environment{}, r.Environments...)
	for _, row := range r.Rows {
		j.Rows = append(j.Rows, newJSONRow(row))
	}
	for _, d := range r.Differences {
		j.Differences = append(j.Differences, jsonDifference{Name: d.Row, Series: d.Series, Events: d.Events, Metrics: d.Metrics})
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(j)
}

func newJSONRow(row Row) jsonRow {
	j := jsonRow{Name: row.Name}
	j.Frequency.jsonMeasure, j.Frequency.PerDay, j.Frequency.PerWeek = newJSONMeasure(row.Frequency, noBand), rounded(row.Frequency.Value), rounded(7*row.Frequency.Value)
	j.LeadTime.jsonMeasure, j.LeadTime.Median, j.LeadTime.Percentile85 = newJSONMeasure(row.LeadTime, noBand), rounded(row.LeadTime.Value), rounded(row.LeadTime85)
	j.LeadTime.WithoutLeadTime = row.WithoutLeadTime
	j.FailureRate.jsonMeasure, j.FailureRate.Rate = newJSONMeasure(row.FailureRate, noBand), rounded(row.FailureRate.Value)
	j.FailureRate.Failures, j.FailureRate.Causes = row.Failures, row.Causes
	j.Recovery.jsonMeasure, j.Recovery.Median, j.Recovery.Unrepaired = newJSONMeasure(row.Recovery, noBand), rounded(row.Recovery.Value), row.Unrepaired
	j.Rework.jsonMeasure, j.Rework.Rate, j.Rework.Repairs = newJSONMeasure(row.Rework, noReworkBand), rounded(row.Rework.Value), row.Repairs
	return j
}

func newJSONMeasure(m Measure, noBand func(Measure) string) jsonMeasure {
	if m.Band == "" {
		return jsonMeasure{Observations: m.Observations, NoBand: noBand(m)}
	}
	return jsonMeasure{Observations: m.Observations, Band: &m.Band}
}

// rounded rounds a value to six decimals; nil, which is null, for NaN.
func rounded(v float64) *float64 {
	if math.IsNaN(v) {
		return nil
	}
	v = math.Round(v*1e6) / 1e6
	return &v
}
