package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"dora-exporter/dora"
)

// sheet is a text for people. What comes from outside and a terminal would act on is escaped.
type sheet struct{ b strings.Builder }

func (s *sheet) String() string { return s.b.String() }

// line writes one line.
func (s *sheet) line(format string, args ...any) {
	s.b.WriteString(visible(fmt.Sprintf(format, args...)))
	s.b.WriteByte('\n')
}

// visible is a text with what can't be seen escaped: what a terminal would act on, and what turns the direction of writing.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// section writes a heading with an empty line before it.
func (s *sheet) section(heading string) {
	s.b.WriteByte('\n')
	s.line("%s", heading)
}

// table writes rows with their columns below one another.
func (s *sheet) table(rows [][]string) {
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
		text := " "
		for i, cell := range row {
			text += " " + cell
			if i < len(row)-1 {
				text += strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+1)
			}
		}
		s.line("%s", strings.TrimRight(text, " "))
	}
}

func (s *sheet) facts(all []factTold) {
	if len(all) == 0 {
		return
	}
	s.section("Facts that came of it")
	rows := make([][]string, len(all))
	families := dora.FamiliesByName()
	for i, f := range all {
		rows[i] = []string{strconv.FormatInt(f.Position, 10), series(f.Family, f.Labels), valueWords(families[f.Family], f.Value)}
	}
	s.table(rows)
}

func (s *sheet) waiting(all []waiting) {
	if len(all) == 0 {
		return
	}
	s.section("Still waiting")
	for _, w := range all {
		text := w.What
		if !w.Due.IsZero() {
			text += "; due " + stamp(w.Due)
		}
		if w.Attempts > 0 {
			text += "; tried in vain " + times(w.Attempts)
		}
		if w.Misses > 0 {
			text += "; answered that it is not there " + times(w.Misses)
		}
		if w.Error != "" {
			text += "; " + w.Error
		}
		s.line("  %s", text)
	}
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

func (s *sheet) unmeasured(all []unmeasured) {
	if len(all) == 0 {
		return
	}
	s.section("Not measured")
	for _, u := range all {
		s.line("  %s: %s", u.What, u.Why)
	}
}

// marks writes evidence and what repaired what it is about.
func (s *sheet) marks(heading string, all []marked) {
	if len(all) == 0 {
		return
	}
	s.section(heading)
	for _, m := range all {
		s.line("  %s %s: %s", stamp(m.At), m.Cause, m.Evidence)
		s.line("    rule: %s", m.Rule)
		switch {
		case m.Waits:
			s.line("    it does not count yet: what may be earlier evidence is still to be looked at")
		case !m.Counts:
			s.line("    it does not count: %s turned out bad by earlier evidence", m.Deployment)
		case m.RepairedBy != "":
			s.line("    %s was repaired by %s at %s", m.Deployment, m.RepairedBy, stamp(m.RepairedAt))
		default:
			s.line("    nothing has repaired %s yet", m.Deployment)
		}
		if m.FoundLate {
			s.line("    found late: later deployments had been looked at before")
		}
	}
}

// each writes several explanations one below the other, when there are some under how many there are.
func each[T any](s *sheet, howMany string, all []T, text func(*T, *sheet)) {
	if len(all) > 1 {
		s.line(howMany, len(all))
		s.line("")
	}
	for i := range all {
		if i > 0 {
			s.line("")
		}
		text(&all[i], s)
	}
}
