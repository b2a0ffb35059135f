package report

import (
	"io"
	"strings"

	"dora-exporter/dora"
)

// writeMarkdown writes a report as tables of GitHub's Markdown. https://github.github.com/gfm/#tables-extension-
func writeMarkdown(out io.Writer, r Report, by string) error {
	var b strings.Builder
	cells := func(all ...string) { b.WriteString("| " + strings.Join(all, " | ") + " |\n") }
	b.WriteString(heading(r) + "\n\n")
	if len(r.Rows) == 0 {
		b.WriteString(noRows + "\n")
	} else {
		cells(by, "measure", "value", "band", "measured on")
		cells("---", "---", "---", "---", "---")
	}
	for _, row := range r.Rows {
		for _, l := range row.Lines() {
			cells(escapeMarkdown(row.Name), l.Measure, l.Value, l.band(), l.Observations)
		}
	}
	b.WriteString("\n")
	if text := environments(r); text != "" {
		b.WriteString(escapeMarkdown(text) + "\n\n")
	}
	if text := unsettled(r); text != "" {
		b.WriteString(text + "\n\n")
	}
	if len(r.Differences) == 0 {
		b.WriteString(noDifferences(r) + "\n")
	} else {
		b.WriteString(differencesFollow + "\n\n")
		cells(by, "series", "events", "/metrics")
		cells("---", "---", "---:", "---:")
		for _, d := range r.Differences {
			cells(escapeMarkdown(d.Row), "`"+d.Series+"`", number(d.Events), number(d.Metrics))
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// escapeMarkdown escapes the characters of a name that would end a cell or be taken for markup: it comes from outside.
func escapeMarkdown(name string) string {
	name = dora.Escape(strings.ReplaceAll(name, `\`, `\\`))
	return strings.NewReplacer("|", `\|`, "[", `\[`, "]", `\]`, "`", "\\`", "*", `\*`, "&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(name)
}
