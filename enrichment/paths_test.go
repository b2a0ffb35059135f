package enrichment

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dora-exporter/dora"
)

func TestShipOfPaths(t *testing.T) {
	tests := []struct {
		name  string
		paths []string
		base  string
		head  string
		want  []string
		calls int
	}{
		{"all files match", []string{"src/**"}, "root", "m5", everyChange, 9},
		{"no file matches", []string{"web/", "*"}, "root", "m5", nil, 1},
		{"some do", []string{"src/b*", "src/d1", "src/c2"}, "root", "m5", []string{everyChange[1], everyChange[2], everyChange[3]}, 9 + 5},
		{"a first deployment's do", []string{"src/*"}, "", "m1", []string{everyChange[0]}, 3},
		{"a first deployment's do not", []string{"*.go"}, "", "m1", nil, 3},
		{"a commit's do", []string{"*/?1"}, "", "d1", []string{everyChange[3]}, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := everyKind(t)
			g := newInProcess(t, h.github(), Options{})
			s, err := ship(t, g, test.base, test.head, nil, test.paths...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, h.describeAll(s)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if s.Calls != test.calls {
				t.Errorf("%d calls, want %d", s.Calls, test.calls)
			}
		})
	}
}

// A comparison that has 300 files may have more: each change is asked for.
func TestShipOfPathsWithManyFiles(t *testing.T) {
	h := everyKind(t)
	for n := range 320 {
		name := fmt.Sprintf("docs/%03d", n)
		h.commits["a1"].files = append(h.commits["a1"].files, name)
		h.pulls[1].files = append(h.pulls[1].files, name)
	}
	h.pulls[1].files = append(h.pulls[1].files, "web/last")
	g := newInProcess(t, h.github(), Options{})
	known := map[string]dora.Origin{}
	s, err := ship(t, g, "root", "m5", known, "web/")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{everyChange[0]}, h.describeAll(s)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if want := 9 + 4 + 4; s.Calls != want {
		t.Errorf("%d calls, want %d", s.Calls, want)
	}
	if s, err = ship(t, g, "root", "m5", known, "web/"); err != nil || s.Calls != 1 {
		t.Errorf("%d calls when all is known, want that of the comparison; error %v", s.Calls, err)
	}
}

func TestPatterns(t *testing.T) {
	tests := []struct {
		pattern  string
		match    []string
		mismatch []string
	}{
		{"services/api/**", []string{"services/api/a", "services/api/a/b.go"}, []string{"services/apix", "x/services/api/a", "services/api"}},
		{"services/api/", []string{"services/api/a", "services/api/a/b.go"}, []string{"services/apix/a"}},
		{"/services/*/go.mod", []string{"services/api/go.mod"}, []string{"services/a/b/go.mod"}},
		{"*.md", []string{"README.md", ".md"}, []string{"docs/a.md", "README_md", "README.md.txt"}},
		{"**/*.md", []string{"README.md", "docs/a/b.md"}, []string{"docs/md"}},
		{"**", []string{"a", "a/b", "a\nb"}, nil},
		{"a?c", []string{"abc", "aéc"}, []string{"a/c", "ac"}},
		{"./a[b](c)+", []string{"a[b](c)+"}, []string{"ab(c)"}},
		{"web/**/x", []string{"web/x", "web/a/b/x"}, []string{"webx", "web/ax"}},
		{"", nil, []string{"a"}},
		{"\xff", nil, []string{"a"}},
	}
	for _, test := range tests {
		p := newPatterns([]string{test.pattern})
		for _, name := range test.match {
			if !p.match(name) {
				t.Errorf("%q does not match %q", test.pattern, name)
			}
		}
		for _, name := range test.mismatch {
			if p.match(name) {
				t.Errorf("%q matches %q", test.pattern, name)
			}
		}
	}
}
