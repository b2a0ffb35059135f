package explain

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"dora-exporter/dora"
)

// text is an explanation for people. It escapes the names in it, which come from outside.
type text struct{ b strings.Builder }

func (t *text) String() string { return t.b.String() }

// line writes one line.
func (t *text) line(format string, args ...any) {
	t.b.WriteString(dora.Escape(fmt.Sprintf(format, args...)))
	t.b.WriteByte('\n')
}

// section writes a heading after an empty line.
func (t *text) section(heading string) {
	t.b.WriteByte('\n')
	t.line("%s", heading)
}

// table writes rows with aligned columns.
func (t *text) table(rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		line := " "
		for i, cell := range row {
			line += " " + cell
			if i < len(row)-1 {
				line += strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+1)
			}
		}
		t.line("%s", strings.TrimRight(line, " "))
	}
}

func (t *text) facts(all []Fact) {
	if len(all) == 0 {
		return
	}
	t.section("Facts")
	rows := make([][]string, len(all))
	families := dora.FamiliesByName()
	for i, f := range all {
		rows[i] = []string{strconv.FormatInt(f.Position, 10), dora.SeriesName(f.Family, f.Labels), formatValue(families[f.Family], f.Value)}
	}
	t.table(rows)
}

func (t *text) pending(all []Pending) {
	if len(all) == 0 {
		return
	}
	t.section("Pending")
	for _, p := range all {
		line := p.What
		if !p.Due.IsZero() {
			line += "; due " + dora.FormatTime(p.Due)
		}
		if p.Attempts > 0 {
			line += "; failed " + dora.FormatTimes(p.Attempts)
		}
		if p.Misses > 0 {
			line += "; not found " + dora.FormatTimes(p.Misses)
		}
		if p.Error != "" {
			line += "; " + p.Error
		}
		t.line("  %s", line)
	}
}

func (t *text) unmeasured(all []Unmeasured) {
	if len(all) == 0 {
		return
	}
	t.section("Not measured")
	for _, u := range all {
		t.line("  %s: %s", u.What, u.Why)
	}
}

func (t *text) evidence(heading string, all []Evidence) {
	if len(all) == 0 {
		return
	}
	t.section(heading)
	for _, e := range all {
		t.line("  %s %s: %s", dora.FormatTime(e.At), e.Cause, e.Detail)
		t.line("    rule: %s", e.Rule)
		switch {
		case e.Waits:
			t.line("    not counted yet: earlier evidence may still be found")
		case !e.Counts:
			t.line("    not counted: %s was marked as a failed change by earlier evidence", e.Deployment)
		case e.RepairedBy == e.Deployment:
			t.line("    %s was repaired by its own next success at %s", e.Deployment, dora.FormatTime(e.RepairedAt))
		case e.RepairedBy != "":
			t.line("    %s was repaired by %s at %s", e.Deployment, e.RepairedBy, dora.FormatTime(e.RepairedAt))
		default:
			t.line("    %s is not repaired yet", e.Deployment)
		}
		if e.Late {
			t.line("    late: later deployments had been evaluated before")
		}
	}
}

// writeAll writes the explanations of things that have the same name one after another, preceded by their number if there is
// more than one.
func writeAll[T any](t *text, heading string, all []T, write func(*T, *text)) {
	if len(all) > 1 {
		t.line(heading, len(all))
		t.line("")
	}
	for i := range all {
		if i > 0 {
			t.line("")
		}
		write(&all[i], t)
	}
}

func formatSeconds(v float64) string { return dora.FormatMillis(int64(math.Round(v * 1000))) }

func formatFloat(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// formatValue writes a published value, with a time or duration behind it where it stands for one.
func formatValue(f dora.Family, value float64) string {
	switch {
	case f.Name == dora.DeploymentTimestamp && value > 0:
		return formatFloat(value) + " (" + dora.FormatTime(time.UnixMilli(int64(value*1000))) + ")"
	case f.Unit == dora.Milliseconds && value != 0 && math.Abs(value) < 9e9:
		return formatFloat(value) + " (" + formatSeconds(value) + ")"
	}
	return formatFloat(value)
}

// count returns a number with its noun.
func count(n int64, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "y"):
		return fmt.Sprintf("%d %sies", n, strings.TrimSuffix(noun, "y"))
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
