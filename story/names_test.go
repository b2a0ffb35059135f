package story

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// names are what nobody calls anything.
var names = map[string]string{
	"newline":       "prod\nlevel=error msg=forged",
	"label":         `x",team="forged"} 1` + "\n# TYPE y counter\ny{z=\"",
	"backslash":     `C:\new\"prod\`,
	"NUL":           "a\x00b",
	"emoji":         "🚀 prod 👩‍💻",
	"right-to-left": "\u202eproduction\u2066 \u05d0\u05d1",
	"escape":        "\x1b[2J\x1b[31mred\x07",
	"1 MB":          strings.Repeat("m", 1<<20),
	"1 MB of 4":     strings.Repeat("🚀", 1<<18),
	"separators":    "a\u2028b\u0085c\r\nd\te",
	"parent":        "..",
	"traversal":     "../../admin",
	"escaped":       "%2e%2e",
	"two segments":  "a/b",
	"query":         "?x=1",
	"fragment":      "#",
	"userinfo":      "me@169.254.169.254:80",
	"host":          "//169.254.169.254/latest",
	"scheme":        "http://169.254.169.254/",
	"parameter":     "..;/x",
	"windows":       `..\..\admin`,
}

// label is what becomes of a name: at most 200 bytes, cut between two characters.
func label(name string) string {
	for len(name) > 200 {
		_, size := utf8.DecodeLastRuneInString(name[:min(len(name), 204)])
		name = name[:min(len(name), 204)-size]
	}
	return name
}

// encode is JSON.
func encode(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// object is a JSON object.
type object = map[string]any

// recorder is a GitHub API that has every commit, written a minute before 2026, and writes down what it is asked.
type recorder struct {
	*httptest.Server

	mu    sync.Mutex
	asked []string
}

func newRecorder(t *testing.T) *recorder {
	r := &recorder{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked = append(r.asked, request.RequestURI)
		if strings.HasSuffix(request.URL.Path, "/pulls") {
			answer(w, request, true, []object{})
			return
		}
		answer(w, request, true, commitJSON("c0ffee", commit{date: newYear.Add(-time.Minute)}))
	}))
	t.Cleanup(r.Close)
	return r
}
