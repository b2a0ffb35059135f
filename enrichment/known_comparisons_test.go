package enrichment

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"dora-exporter/dora"
)

// The answer to a comparison of two whole SHAs that has all commits is asked for once in each repository.
func TestComparisonIsRemembered(t *testing.T) {
	base, head := strings.Repeat("a", 40), strings.Repeat("b", 40)
	commit := aCommit("09:00", "Work")
	commit["sha"] = head
	ahead := object{"status": "ahead", "total_commits": 1, "commits": []object{commit}}
	for name, test := range map[string]struct {
		base, head string
		answer     object
		calls      int
	}{
		"whole":           {base, head, ahead, 2},
		"nothing shipped": {base, head, object{"status": "identical"}, 2},
		"incomplete":      {base, head, object{"status": "ahead", "total_commits": 2, "commits": []object{commit}}, 8}, // two pages each time
		"a short SHA":     {base[:7], head, ahead, 4},
		"a tag":           {base, "v1", ahead, 4},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			g := newServed(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls++
				serveJSON(w, http.StatusOK, test.answer)
			}), Options{})
			for _, repository := range []string{"web", "api", "web", "api"} {
				c := dora.Comparison{Base: test.base, Head: dora.Commit{Owner: "acme", Repository: repository, SHA: test.head}}
				l := g.lookUp(t.Context(), c.Head)
				compared, err := l.compare(t.Context(), c)
				l.answers.Release()
				if err == nil && string(compared.Status) != test.answer["status"] {
					t.Errorf("%+v, %v", compared, err)
				}
			}
			if calls != test.calls {
				t.Errorf("%d calls, want %d", calls, test.calls)
			}
		})
	}
}

func TestComparisonsAreForgotten(t *testing.T) {
	var k knownComparisons
	body := bytes.Repeat([]byte("x"), maxComparison)
	const many = maxComparisons/maxComparison + 3
	for i := range many {
		k.put(fmt.Sprint(i), body)
		k.put(fmt.Sprint(i), body)
	}
	k.put("large", append(body, 'x'))
	k.put("", body)
	for i := range many {
		if got, want := k.get(fmt.Sprint(i)) != nil, i >= 3; got != want {
			t.Errorf("%d is remembered: %t, want %t", i, got, want)
		}
	}
	if k.get("large") != nil || k.get("") != nil || len(k.order) != many-3 || k.size != maxComparisons {
		t.Errorf("%d are remembered, with %d bytes", len(k.order), k.size)
	}
}

// Bodies are read into buffers that are larger than most of them.
func TestBytesOfComparisons(t *testing.T) {
	var k knownComparisons
	k.put("key", append(make([]byte, 0, 1<<20), "body"...))
	if got := k.get("key"); string(got) != "body" || cap(got) > 64 {
		t.Errorf("%q takes %d bytes", got, cap(got))
	}
}
