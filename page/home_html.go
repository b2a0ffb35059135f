package page

import (
	"strconv"

	g "maragu.dev/gomponents"
	"maragu.dev/gomponents/html"
)

// html returns the page at /.
func (h homePage) html() g.Node {
	return document("dora-exporter",
		html.A(html.Class("skip"), html.Href("#measures"), g.Text("Skip to the measures")),
		html.Header(
			html.H1(g.Text("dora-exporter")),
			html.P(html.Class("soft"), g.Text("DORA metrics from GitHub's and Jira's webhooks.")),
			navigation(g.Group{link("/metrics"), g.Text(" for Prometheus")}, link("/readyz"), link("/healthz")),
		),
		html.Main(
			section("state", "State", h.state()...),
			section("measures", "The five measures",
				failure("measures can't be computed", h.MeasuresTrouble), h.Measures.html(), h.Environments.html(), metricForm("")),
			section("deliveries", "Deliveries", h.deliveries()...),
			section("refused", "Refused requests", h.refused()),
		),
	)
}

// state shows the state of the program and of its queues.
func (h homePage) state() []g.Node {
	state := "ready"
	if h.Trouble != "" {
		state = "not ready"
	}
	fact := func(name string, value g.Node) g.Node { return html.Div(html.Dt(g.Text(name)), html.Dd(value)) }
	count := func(name string, n int) g.Node { return fact(name, g.Text(strconv.Itoa(n))) }
	return []g.Node{
		g.If(h.Trouble != "", warning("warning trouble", html.Strong(g.Text("Not ready:")), g.Text(" "), foreign(h.Trouble))),
		g.Map(h.Unsigned, func(source string) g.Node {
			return warning("warning", html.Strong(g.Text("Warning:")), g.Text(" "), foreign(source), g.Text(" webhooks are accepted without a signature: no secret is set"))
		}),
		g.If(h.Backlog.SetAside > 0, warning("warning", html.Strong(g.Text("Dead letters:")),
			g.Textf(" %d deliveries could not be processed; ", h.Backlog.SetAside), code("dora-exporter deliveries list"), g.Text(" lists them"))),
		html.Dl(html.Class("facts"),
			fact("State", g.Text(state)),
			count("Deliveries pending", h.Backlog.Deliveries),
			count("Commits to look up at GitHub", h.Backlog.LookUps),
			count("Evaluations pending", h.Backlog.Evaluations),
			fact("Running since", timestamp(h.Since)),
			fact("Version", g.Text(h.Version)),
		),
	}
}

// html shows the measures of the teams.
func (m Measures) html() g.Node {
	const reload = ": reload the page soon, or run "
	command := code("dora-exporter report")
	switch {
	case len(m.Teams) > 0:
		return g.Group{
			html.P(g.Textf("Deployments to production over %s, and the last %d weeks one by one, by all events until ", m.Days(), m.Weeks()),
				timestamp(m.To), g.Text(". "), command, g.Text(" has more.")),
			g.If(m.AreStale, warning("warning", g.Text("Deployments that arrived in the last seconds are still to be added"+reload), command, g.Text(", which has them."))),
			html.Div(html.Class("teams"), g.Map(m.Teams, m.team)),
			g.If(m.MoreTeams > 0, html.P(g.Textf("And %d more teams: ", m.MoreTeams), command, g.Text(" lists them."))),
		}
	case m.AreStale:
		return warning("warning", g.Text("Deployments are still to be added"+reload), command, g.Text(", which has them."))
	case !m.To.IsZero():
		return html.P(g.Text("No deployment to production yet: "), code("environments.production"), g.Text(" selects the environments that count as production."))
	}
	return nil
}

// team shows the measures of a team.
func (m Measures) team(t Team) g.Node {
	return html.Table(
		html.Caption(foreign(t.Name)),
		heads(g.Text("Measure"), g.Text("Value"), g.Group{html.Class("trends"), g.Text("By week")}),
		html.TBody(g.Map(t.Measures, func(row Measure) g.Node {
			return html.Tr(
				html.Th(html.Scope("row"), g.Text(row.Name), html.Small(g.Text(row.Observations))),
				html.Td(html.Span(html.Class("value"), g.Text(row.Value)), html.Br(), row.band()),
				html.Td(newChart(row.Trend, m.To).html()),
			)
		})),
	)
}

func (m Measure) band() g.Node {
	if m.Band == "" {
		return html.Small(g.Text(m.NoBand))
	}
	return html.Span(html.Class("band "+m.Band), g.Text(m.Band))
}

// html draws the chart.
func (c chart) html() g.Node {
	attribute := func(name string, n int) g.Node { return g.Attr(name, strconv.Itoa(n)) }
	return html.SVG(html.Role("img"), html.Aria("label", c.Label), g.Attr("viewBox", "0 0 "+strconv.Itoa(c.Width)+" "+strconv.Itoa(c.Height)), g.Attr("preserveAspectRatio", "none"),
		g.Map(c.Bars, func(b bar) g.Node {
			return g.El("rect", attribute("x", b.X), attribute("y", b.Y), attribute("width", b.Width), attribute("height", b.Height), html.TitleEl(g.Text(b.Title)))
		}))
}

// html lists the environments.
func (e environments) html() g.Node {
	if len(e.Production)+len(e.Others) == 0 {
		return nil
	}
	list := func(names []string) g.Node {
		if len(names) == 0 {
			return g.Text("none")
		}
		all := g.Group{isolated(names[0])}
		for _, name := range names[1:] {
			all = append(all, g.Text(", "), isolated(name))
		}
		return all
	}
	return html.P(g.Text("Environments of production: "), list(e.Production), g.Text(". Others: "), list(e.Others),
		g.If(e.More, g.Text(", and more")), g.Text(". "), code("environments.production"), g.Text(" selects them."))
}

// deliveries shows the newest deliveries.
func (h homePage) deliveries() []g.Node {
	all := []g.Node{
		html.P(g.Text("Webhooks go to "), code("POST /api/github"), g.Text(" and "), code("POST /api/jira"),
			g.Textf(". Not stored, since the start: %d duplicates, %d ignored. All times are UTC.", h.Duplicates, h.Ignored)),
		failure("deliveries can't be read", h.DeliveriesTrouble),
	}
	switch {
	case len(h.Deliveries) > 0:
		return append(all, html.Table(html.Class("arrived deliveries"),
			html.Caption(g.Textf("The last %d and their results", len(h.Deliveries))),
			heads(g.Text("Delivery"), g.Text("Results")),
			html.TBody(g.Map(h.Deliveries, h.delivery))))
	case h.DeliveriesTrouble == "":
		return append(all, html.P(g.Text("None has arrived yet.")))
	}
	return all
}

// delivery shows a delivery.
func (h homePage) delivery(d delivery) g.Node {
	about := isolated(d.About)
	if d.Link != "" {
		about = html.A(html.Href(d.Link), foreign(d.About))
	}
	repeated := h.Repeated(d.Key)
	return html.Tr(
		html.Th(html.Scope("row"), about, g.Text(" "), isolated(d.Event), html.Small(timestamp(d.Received))),
		html.Td(html.Class(d.State), html.Ul(g.Map(d.Results, result.html), g.If(repeated != "", html.Li(g.Text(repeated))))),
	)
}

// html shows what follows from a delivery. A series may break where one of its labels ends.
func (r result) html() g.Node {
	if r.Series == "" {
		return html.Li(foreign(r.Text))
	}
	return html.Li(foreign(r.Text), g.Text(" "), html.A(html.Href(r.Link), html.Code(breakable(r.Series))))
}

// refused shows why requests were refused.
func (h homePage) refused() g.Node {
	if len(h.Refused) == 0 {
		return html.P(g.Text("None since the start."))
	}
	return html.Table(html.Class("arrived refused"),
		html.Caption(g.Text("The last reasons since the start")),
		heads(g.Text("Why"), g.Text("Requests")),
		html.TBody(g.Map(h.Refused, func(r refusedRequest) g.Node {
			return html.Tr(
				html.Th(html.Scope("row"), foreign(r.Result), html.Small(foreign(r.Why))),
				html.Td(g.Textf("%d to ", r.Times), foreign(r.Source), html.Small(g.Text("last at "), timestamp(r.Last))),
			)
		})))
}
