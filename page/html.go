package page

import (
	"strings"
	"time"

	g "maragu.dev/gomponents"
	"maragu.dev/gomponents/html"

	"dora-exporter/dora"
)

// The pages are made without html/template: it calls methods by name, and with it the linker keeps all exported methods of the
// program, a fifth of it. gomponents escapes text and the values of attributes, and nothing but the style sheet is written as it is.
// All links begin with a path of our own, so that none has another scheme.

// document returns a page with a title.
func document(title string, body ...g.Node) g.Node {
	return html.Doctype(html.HTML(html.Lang("en"),
		html.Head(
			html.Meta(html.Charset("utf-8")),
			html.Meta(html.Name("viewport"), html.Content("width=device-width, initial-scale=1")),
			html.TitleEl(g.Text(title)),
			html.Link(html.Rel("icon"), html.Href("data:,")),
			html.StyleEl(g.Raw(pageCSS)),
		),
		html.Body(body...),
	))
}

// foreign is a text with names from outside: one that changes the direction of writing would change it for what follows.
func foreign(text string) g.Node { return g.Text(dora.Escape(text)) }

// isolated is a text whose direction of writing does not depend on what is around it.
func isolated(text string) g.Node { return g.El("bdi", foreign(text)) }

// breakable is a text with names from outside in which a line may end after a comma.
func breakable(text string) g.Node {
	all := g.Group{}
	for n, part := range strings.SplitAfter(dora.Escape(text), ",") {
		all = append(all, g.If(n > 0, html.Wbr()), g.Text(part))
	}
	return all
}

func code(text string) g.Node { return html.Code(g.Text(text)) }

// link is a link to a path, named by it.
func link(path string) g.Node { return html.A(html.Href(path), g.Text(path)) }

// timestamp shows a time in UTC.
func timestamp(t time.Time) g.Node {
	t = t.UTC()
	return html.Time(html.DateTime(t.Format("2006-01-02T15:04:05Z")), g.Text(t.Format("2006-01-02 15:04:05")))
}

func navigation(items ...g.Node) g.Node {
	return html.Nav(html.Aria("label", "Other pages"), html.Ul(g.Map(items, func(item g.Node) g.Node { return html.Li(item) })))
}

// section is a part of the page with a heading.
func section(id, title string, content ...g.Node) g.Node {
	return html.Section(html.Aria("labelledby", id), html.H2(html.ID(id), g.Text(title)), g.Group(content))
}

// warning is a paragraph that stands out. Its class is warning, or that and trouble.
func warning(class string, content ...g.Node) g.Node {
	return html.P(html.Class(class), g.Group(content))
}

// failure says why a part is missing; nothing if there is no reason.
func failure(what, why string) g.Node {
	return g.If(why != "", warning("warning trouble", g.Textf("The %s: %s", what, why)))
}

// heads is the first row of a table.
func heads(cells ...g.Node) g.Node {
	return html.THead(html.Tr(g.Map(cells, func(cell g.Node) g.Node { return html.Th(html.Scope("col"), cell) })))
}

// metricForm asks for a series.
func metricForm(series string) g.Node {
	return html.Form(html.Action("/explain/metric"), html.Method("get"),
		html.Div(
			html.Label(html.For("series"), g.Text("What does a value add up from? A series of /metrics")),
			html.Input(html.ID("series"), html.Name("series"), html.Value(series), html.Placeholder(`dora_deployments_total{team="…"}`),
				html.AutoComplete("off"), g.Attr("spellcheck", "false")),
		),
		html.Button(g.Text("Explain")),
	)
}

// html returns the page of an explanation.
func (p explanationPage) html() g.Node {
	return document(dora.Escape(p.Title),
		html.Header(navigation(html.A(html.Href("/"), g.Text("dora-exporter")), link("/metrics")), html.H1(foreign(p.Title))),
		html.Main(
			g.If(p.Metric, metricForm(p.Series)),
			g.If(p.Trouble != "", warning("warning", foreign(p.Trouble))),
			g.If(p.Text != "", html.Pre(html.Role("region"), html.TabIndex("0"), html.Aria("label", "Explanation"), g.Text(p.Text))),
		),
	)
}
