package story

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// talker is a server that answers with all that it was sent, the token among it.
type talker struct {
	*httptest.Server

	mu sync.Mutex
	// way is the one of answering; nil is an empty list, which is Backstage's when it knows nothing.
	way func(w http.ResponseWriter, r *http.Request, sent string)
	// tokens counts what came in the header Authorization.
	tokens map[string]int
	calls  int
}

func newTalker(t *testing.T) *talker {
	k := &talker{tokens: map[string]int{}}
	k.Server = httptest.NewServer(k)
	t.Cleanup(k.Close)
	return k
}

func (k *talker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	sent := r.Header.Get("Authorization")
	k.tokens[sent]++
	k.calls++
	if k.way == nil {
		_, _ = fmt.Fprint(w, "[]")
		return
	}
	k.way(w, r, sent)
}

// talks sets the way of answering and returns how often the talker has been called.
func (k *talker) talks(way func(w http.ResponseWriter, r *http.Request, sent string)) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.way = way
	return k.calls
}

// ways are those of servers that say too much.
var ways = map[string]func(w http.ResponseWriter, r *http.Request, sent string){
	"redirect": func(w http.ResponseWriter, r *http.Request, sent string) {
		http.Redirect(w, r, "http://"+r.Host+"/login?token="+sent, http.StatusFound)
	},
	"redirect to another server": func(w http.ResponseWriter, r *http.Request, sent string) {
		http.Redirect(w, r, "http://other.invalid/"+sent+"?"+sent, http.StatusTemporaryRedirect)
	},
	"401": func(w http.ResponseWriter, _ *http.Request, sent string) {
		http.Error(w, `{"message":"Bad credentials: `+sent+`"}`, http.StatusUnauthorized)
	},
	"403": func(w http.ResponseWriter, _ *http.Request, sent string) {
		http.Error(w, `{"message":"You sent `+sent+`","documentation_url":"`+sent+`"}`, http.StatusForbidden)
	},
	"500": func(w http.ResponseWriter, _ *http.Request, sent string) {
		http.Error(w, "<html>"+sent, http.StatusInternalServerError)
	},
	"not JSON": func(w http.ResponseWriter, _ *http.Request, sent string) { _, _ = fmt.Fprint(w, sent) },
	"of another type": func(w http.ResponseWriter, _ *http.Request, sent string) {
		_, _ = fmt.Fprintf(w, `[{"number":%q,"metadata":%q}]`, sent, sent)
	},
	"time": func(w http.ResponseWriter, _ *http.Request, sent string) {
		_, _ = fmt.Fprintf(w, `[{"number":1,"merged_at":%q,"kind":"Component","metadata":%q}]`, sent, sent)
	},
	"no HTTP": func(w http.ResponseWriter, _ *http.Request, sent string) {
		if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_, _ = fmt.Fprintf(c, "%s\r\n\r\n", sent)
			_ = c.Close()
		}
	},
	"odd header": func(w http.ResponseWriter, _ *http.Request, sent string) {
		if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n%s\r\n\r\n", sent, sent)
			_ = c.Close()
		}
	},
	"cut off": func(http.ResponseWriter, *http.Request, string) { panic(http.ErrAbortHandler) },
}
