package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// The pages can be read on a phone, by day and at night, at twice the size and with any names, and load nothing from elsewhere.
func TestPagesInABrowser(t *testing.T) {
	t.Parallel()
	busy, empty := busyExporter(t), newExporter(t, github(t))
	empty.start(t)
	b := startBrowser(t)
	for _, page := range []struct {
		name, url, title string
		tables           int
	}{
		{"page", "http://" + busy.address + "/", "dora-exporter", len(hostile) + 3},
		{"empty", "http://" + empty.address + "/", "dora-exporter", 0},
		{"deployment", "http://" + busy.address + "/explain/deployment/acme/web/1", "Deployment acme/web#1", 0},
		{"incident", "http://" + busy.address + "/explain/incident/INC-1", "Incident INC-1", 0},
		{"question", "http://" + busy.address + "/explain/metric", "What a value adds up from", 0},
		{"metric", "http://" + busy.address + "/explain/metric?series=jira_incidents", "What a value adds up from", 0},
	} {
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{1200, 600, 360, 320} { // 600 is a window of 1200 at 200 %
				t.Run(fmt.Sprintf("%s/%s/%d", page.name, scheme, width), func(t *testing.T) {
					b.look(t, width, scheme)
					b.do(t, chromedp.Navigate(page.url))
					if dark := evaluate[bool](t, b, `matchMedia('(prefers-color-scheme: dark)').matches`); dark != (scheme == "dark") {
						t.Errorf("the scheme is dark: %t", dark)
					}
					if wide := evaluate[int64](t, b, `document.documentElement.clientWidth`); wide != width {
						t.Errorf("the page is made for a screen of %d", wide)
					}
					b.audit(t)
					b.shoot(t, fmt.Sprintf("%s-%s-%d", page.name, scheme, width))
				})
			}
		}
		t.Run(page.name+"/read aloud", func(t *testing.T) { b.readAloud(t, page.title, page.tables) })
		t.Run(page.name+"/larger text", func(t *testing.T) {
			b.look(t, 720, "light")
			b.do(t, chromedp.Navigate(page.url))
			evaluate[string](t, b, `document.documentElement.style.fontSize = '200%'`)
			b.audit(t)
		})
	}
	b.quiet(t, busy.address, empty.address)
}

// axNode is a node of the accessibility tree, as screen readers get it.
type axNode struct {
	Ignored    bool    `json:"ignored"`
	ID         string  `json:"nodeId"`
	Parent     string  `json:"parentId"`
	Role       axValue `json:"role"`
	Name       axValue `json:"name"`
	Properties []struct {
		Name  string  `json:"name"`
		Value axValue `json:"value"`
	} `json:"properties"`
}

type axValue struct {
	Value any `json:"value"`
}

func (v axValue) String() string {
	if v.Value == nil {
		return ""
	}
	return fmt.Sprint(v.Value)
}

func (n axNode) property(name string) string {
	for _, p := range n.Properties {
		if p.Name == name {
			return p.Value.String()
		}
	}
	return ""
}

type axTree struct {
	Nodes []axNode `json:"nodes"`
}

var fullAXTree = cdp.Command[cdp.Empty, axTree]{Method: "Accessibility.getFullAXTree"}

// readAloud checks what a screen reader makes of the page that is shown.
func (b *browser) readAloud(t *testing.T, title string, tables int) {
	t.Helper()
	tree, err := chromedp.Run(b, func(ctx context.Context, tab *chromedp.Target) (axTree, error) {
		return cdp.Call(ctx, tab, fullAXTree, cdp.Empty{})
	})
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]axNode{}
	for _, n := range tree.Nodes {
		byID[n.ID] = n
	}
	within := func(n axNode, role string) string {
		for n = byID[n.Parent]; n.ID != ""; n = byID[n.Parent] {
			if n.Role.String() == role {
				return n.ID
			}
		}
		return ""
	}
	count, level := map[string]int{}, 0
	heads, names := map[string]map[string]int{}, map[string]map[string]bool{}
	for _, n := range tree.Nodes {
		role, name := n.Role.String(), n.Name.String()
		if n.Ignored {
			continue
		}
		count[role]++
		switch role {
		case "RootWebArea":
			if name != title {
				t.Errorf("the title is %q, want %q", name, title)
			}
		case "heading":
			var now int
			_, _ = fmt.Sscan(n.property("level"), &now)
			if now > level+1 || level == 0 && now != 1 || level > 0 && now == 1 || name == "" {
				t.Errorf("the heading %q of level %d comes after one of level %d", name, now, level)
			}
			level = now
		case "columnheader", "rowheader", "row":
			if heads[within(n, "table")] == nil {
				heads[within(n, "table")] = map[string]int{}
			}
			heads[within(n, "table")][role]++
			if role != "row" && name == "" {
				t.Errorf("a %s has no name", role)
			}
		case "image":
			if !strings.Contains(name, "the last 12 weeks one by one: ") || strings.Count(name, ", ") != 12 {
				t.Errorf("an image is called %q, which does not say what it shows", name)
			}
		case "table", "region", "navigation", "link", "textbox", "button":
			if name == "" {
				t.Errorf("a %s has no name", role)
			}
		case "alert", "status", "log", "marquee", "timer":
			t.Errorf("there is a %s, which is read aloud by itself", role)
		}
		if live := n.property("live"); live != "" && live != "off" {
			t.Errorf("%s %q is read aloud by itself", role, name)
		}
		if role == "table" || role == "region" {
			if names[role] == nil {
				names[role] = map[string]bool{}
			}
			if names[role][name] {
				t.Errorf("there are two of %s %q", role, name)
			}
			names[role][name] = true
		}
	}
	if count["main"] != 1 || count["banner"] != 1 || count["navigation"] < 1 {
		t.Errorf("there are not one main, one banner, and navigation: %v", count)
	}
	if got := count["table"]; got < tables || tables == 0 && got > 0 {
		t.Errorf("%d tables, want %d at least", got, tables)
	}
	for id, have := range heads {
		if have["columnheader"] < 2 || have["row"]-1 != have["rowheader"] {
			t.Errorf("the table %q has %v", byID[id].Name, have)
		}
	}
	if tables > 0 && count["image"] == 0 {
		t.Error("there are no trends")
	}
	if lang := evaluate[string](t, b, `document.documentElement.lang`); lang != "en" {
		t.Errorf("the language is %q", lang)
	}
	for _, name := range evaluate[[]string](t, b, `(() => {
		const to = {};
		for (const a of document.links) (to[a.textContent.trim()] ??= new Set()).add(a.href);
		return Object.keys(to).filter(name => !name || to[name].size > 1 || /^(here|more|explain|link)$/i.test(name));
	})()`) {
		t.Errorf("a link's name does not say where it leads: %q", name)
	}
}

// focused is what has the focus: the place of its first line, and whether it is to be seen that it has it.
type focused struct {
	Index   int     `json:"index"`
	Name    string  `json:"name"`
	Top     float64 `json:"top"`
	Left    float64 `json:"left"`
	Bottom  float64 `json:"bottom"`
	Visible bool    `json:"visible"`
}

const focusedJS = `(() => {
	const e = document.activeElement, box = e.getClientRects()[0], style = getComputedStyle(e);
	const inside = box.top >= 0 && box.left >= 0 && box.top < innerHeight && box.left < innerWidth;
	return {
		index: controls().indexOf(e), name: e.textContent.trim() || e.name || e.tagName, top: box.top + scrollY, left: box.left, bottom: box.bottom + scrollY,
		visible: inside && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
	};
})()`

const controlsJS = `window.controls = () => [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')]; controls().length`

// The keyboard reaches everything, in the order in which it stands, and shows where it is.
func TestPageByKeyboard(t *testing.T) {
	t.Parallel()
	e := busyExporter(t)
	b := startBrowser(t)
	for _, width := range []int64{1200, 360} {
		b.look(t, width, "light")
		b.do(t, chromedp.Navigate("http://"+e.address+"/"))
		all := evaluate[int](t, b, controlsJS)
		if all < 50 {
			t.Fatalf("there are %d links and controls", all)
		}
		var last focused
		for i := range all {
			b.do(t, chromedp.KeyEvent(kb.Tab))
			now := evaluate[focused](t, b, focusedJS)
			if now.Index != i {
				t.Fatalf("Tab leads to %q, which is number %d of %d, from %q", now.Name, now.Index, i, last.Name)
			}
			if !now.Visible {
				t.Errorf("it is not to be seen that %q has the focus", now.Name)
			}
			if i > 1 && (now.Bottom <= last.Top || now.Top < last.Bottom && now.Bottom > last.Top && now.Left < last.Left && now.Top <= last.Top) {
				t.Errorf("Tab leads backwards from %q to %q", last.Name, now.Name)
			}
			last = now
		}
	}

	// The first leads past what is the same everywhere.
	b.look(t, 1200, "light")
	b.do(t, chromedp.Navigate("http://"+e.address+"/"), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	eventually(t, "the skip link was followed", func() error { return b.is(`location.hash`, "#measures") })
	b.do(t, chromedp.KeyEvent(kb.Tab))
	if err := b.is(`document.activeElement.name`, "series"); err != nil {
		t.Error(err)
	}

	// A series is asked for, and the way back leads back.
	b.do(t, chromedp.KeyEvent("github_deployments_total{team=\"Platform\",status=\"failure\"}"), chromedp.KeyEvent(kb.Enter))
	eventually(t, "the series is explained", func() error {
		return b.is(`String(document.querySelector('pre')?.textContent.includes('acme/web'))`, "true")
	})
	b.back(t, e)

	// So do those to an explanation.
	left, name := evaluate[int](t, b, controlsJS), ""
	for ; left > 0 && !strings.HasPrefix(name, "acme/web#"); left-- {
		b.do(t, chromedp.KeyEvent(kb.Tab))
		name = evaluate[focused](t, b, focusedJS).Name
	}
	if left == 0 {
		t.Fatal("no link leads to a deployment of acme/web")
	}
	b.do(t, chromedp.KeyEvent(kb.Enter))
	eventually(t, "the deployment is explained", func() error { return b.is(`document.title.replace(/[0-9]+/, '')`, "Deployment acme/web#") })
	if err := b.is(`String(document.querySelector('pre').textContent.includes('acme/web#'))`, "true"); err != nil {
		t.Error(err)
	}
	b.back(t, e)
	b.quiet(t, e.address)
}

// back goes by the keyboard to the page at /.
func (b *browser) back(t *testing.T, e *exporter) {
	t.Helper()
	b.do(t, chromedp.KeyEvent(kb.Tab))
	if err := b.is(`document.activeElement.textContent`, "dora-exporter"); err != nil {
		t.Error(err)
	}
	b.do(t, chromedp.KeyEvent(kb.Enter))
	eventually(t, "the page at / is back", func() error { return b.is(`document.readyState + location.href`, "completehttp://"+e.address+"/") })
}

// is says what is wrong when a script does not give a text.
func (b *browser) is(js, want string) error {
	got, err := chromedp.Run(b, chromedp.Evaluate[string](js))
	if err == nil && got != want {
		err = fmt.Errorf("%s is %q, want %q", js, got, want)
	}
	return err
}
