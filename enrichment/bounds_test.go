package enrichment

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dora-exporter/dora"
	"dora-exporter/internal/bounds"
)

// An answer that exceeds a limit is an error that is retried and logged. It does not pause calls, which would stop the other
// repositories.
func TestAnswersThatExceedALimit(t *testing.T) {
	for name, test := range map[string]struct{ body, message string }{
		"bytes":      {"[" + strings.Repeat(" ", maxBody) + "]", "more than 33554432 bytes"},
		"one list":   {"[" + strings.Repeat("0,", 10_000) + "0]", "more than 10000 elements in one list"},
		"elements":   {"[" + strings.Repeat(`{"labels":[`+strings.Repeat("0,", 999)+"0]},", 100) + "{}]", "more than 100000 list elements"},
		"depth":      {strings.Repeat("[", 101), "more than 100 levels of nesting"},
		"objects":    {strings.Repeat(`{"a":`, 101), "more than 100 levels of nesting"},
		"members":    {"[{" + strings.Repeat(`"a":0,`, 1_000_000) + `"a":0}]`, "more than 1000000 object members"},
		"null lists": {"[" + strings.Repeat("null,", 10_000) + "null]", "more than 10000 elements in one list"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				g := newInProcess(t, answers(text(200, test.body), withPull().ServeHTTP), Options{Logger: logTo(&log)})
				start := time.Now()
				_, err := g.Origin(t.Context(), theCommit)
				var missing *dora.NotFoundError
				if err == nil || errors.As(err, &missing) || !strings.Contains(err.Error(), test.message) {
					t.Fatalf("error %v, want a temporary one with %q", err, test.message)
				}
				if line := "answer of the GitHub API exceeds a limit"; !strings.Contains(log.String(), line) || !strings.Contains(log.String(), test.message) {
					t.Errorf("the log has no %q with %q:\n%s", line, test.message, log.String())
				}
				got, err := g.Origin(t.Context(), theCommit)
				if err != nil || got.PullRequest != 109 || time.Since(start) != 0 {
					t.Errorf("the next call: origin %+v, error %v, after %s", got, err, time.Since(start))
				}
			})
		})
	}
}

// The answer of an error is decoded by go-github: no more is read of it than GitHub ever sends.
func TestErrorAnswersAreLimited(t *testing.T) {
	for _, status := range []int{202, 300, 304, 400, 401, 403, 404, 422, 429, 500, 502} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			body, calls := &endless{text: `{"errors":[`, then: "0,"}, 0
			g := newInProcess(t, http.NotFoundHandler(), Options{})
			g.http.Transport.(*transport).inner = roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/rate_limit" || r.URL.Path == "/repos/"+home {
					return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
				}
				calls++
				return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body), Request: r}, nil
			})
			if _, err := g.Origin(t.Context(), theCommit); err == nil {
				t.Error("no error")
			}
			if calls > 2 || body.read > calls*(maxErrorBody+4096) {
				t.Errorf("%d bytes were read of %d answers", body.read, calls)
			}
		})
	}
}

// endless is a body without end.
type endless struct {
	text, then string
	read       int
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if e.text == "" {
			e.text = e.then
		}
		copied := copy(p[n:], e.text)
		e.text = e.text[copied:]
		n += copied
	}
	if e.read += n; e.read > 8<<20 {
		return n, io.ErrUnexpectedEOF // so that a failing test ends
	}
	return n, nil
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Pages that are small each are limited together, too, and what a look-up keeps is released when it ends.
func TestPagesAreLimitedTogether(t *testing.T) {
	page := `[{"number":1,"state":"open","body":"` + strings.Repeat("x", 1<<20) + `"}]`
	calls := 0
	synctest.Test(t, func(t *testing.T) {
		f := withPull()
		pages := func(w http.ResponseWriter, r *http.Request) {
			calls++
			if calls > 2*maxPages { // from there on it is sound
				f.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Link", fmt.Sprintf(`<http://%s/?page=%d>; rel="next"`, r.Host, calls+1))
			_, _ = io.WriteString(w, page)
		}
		g := newInProcess(t, http.HandlerFunc(pages), Options{})
		if _, err := g.Origin(t.Context(), theCommit); !errors.Is(err, bounds.ErrTooMuch) {
			t.Errorf("error %v, want %v", err, bounds.ErrTooMuch)
		}
		if calls < 10 || calls > 70 {
			t.Errorf("%d calls, each of 1 MiB", calls)
		}
		calls = 2 * maxPages
		if got, err := g.Origin(t.Context(), theCommit); err != nil || got.PullRequest != 109 {
			t.Errorf("the next look-up: origin %+v, error %v", got, err)
		}
	})
}

// The time in which a call waits for other large answers is not the server's.
func TestLargeAnswersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := withPull()
		g := newInProcess(t, f, Options{})
		g.http.Transport.(*transport).inner = padded{inProcess{f}}
		other := g.answers.Lease()
		if err := other.Keep(t.Context(), 32<<20); err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() {
			got, err := g.Origin(t.Context(), theCommit)
			if err == nil && got.PullRequest != 109 {
				err = fmt.Errorf("origin %+v", got)
			}
			done <- err
		}()
		time.Sleep(10 * defaultTimeout)
		synctest.Wait()
		other.Release()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A look-up that has large answers goes on after a rate limit although the answer to the probe, which is large as well, waits for it to end.
func TestLargeAnswerOfAProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := withPull()
		g := newInProcess(t, f, Options{})
		g.http.Transport.(*transport).inner = padded{inProcess{f}}
		l := g.lookUp(t.Context(), theCommit)
		if err := l.answers.Keep(t.Context(), 32<<20); err != nil {
			t.Fatal(err)
		}
		g.gate.report(pass{}, outcome{kind: limited, wait: time.Minute, err: errDown})
		probed := make(chan error)
		go func() {
			_, err := g.PartialOrigin(t.Context(), theCommit)
			probed <- err
		}()
		time.Sleep(2 * time.Minute)
		if _, err := l.pullCommits(t.Context(), theCommit, 109); err != nil {
			t.Error(err)
		}
		l.answers.Release()
		if err := <-probed; err != nil {
			t.Error(err)
		}
	})
}

// Texts that GitHub can't have are not stored.
func TestTextsThatAreTooLong(t *testing.T) {
	long := strings.Repeat("a", maxName+1)
	for name, one := range map[string]answer{
		"label":   &pull{Number: 1, Labels: []label{{long}}},
		"labels":  &pull{Number: 1, Labels: make([]label, maxLabels+1)},
		"merge":   &pull{Number: 1, MergeCommitSHA: long},
		"author":  &pull{Number: 1, User: account{long}},
		"SHA":     &comparison{Status: dora.Ahead, Commits: commits{withContent(commit{SHA: long})}},
		"account": &commits{withContent(commit{SHA: "c0ffee", Author: account{long}})},
	} {
		if err := one.check(); err == nil || !strings.Contains(err.Error(), "than GitHub allows") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func withContent(c commit) commit {
	c.Commit = &content{}
	return c
}

// padded makes answers large, and readable while the call goes on.
type padded struct{ inner http.RoundTripper }

func (p padded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := p.inner.RoundTrip(r)
	if err == nil {
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(strings.Repeat(" ", 4<<20)), whileGoingOn{r, resp.Body}))
	}
	return resp, err
}

type whileGoingOn struct {
	r    *http.Request
	body io.Reader
}

func (w whileGoingOn) Read(p []byte) (int, error) {
	if err := w.r.Context().Err(); err != nil {
		return 0, err
	}
	return w.body.Read(p)
}

// Each look-up lets the next one have large answers when it ends, however it ends.
func TestLookUpsReleaseTheirAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := withPull()
		g := newInProcess(t, f, Options{})
		g.http.Transport.(*transport).inner = padded{inProcess{f}}
		for range 2 {
			if _, err := g.Origin(t.Context(), theCommit); err != nil {
				t.Error(err)
			}
			if _, _, err := g.Ship(t.Context(), dora.Comparison{Head: theCommit}); err != nil {
				t.Error(err)
			}
			missing := theCommit
			missing.SHA = "c0ffee"
			if _, err := g.Origin(t.Context(), missing); err == nil {
				t.Error("no error")
			}
			if _, _, err := g.Ship(t.Context(), dora.Comparison{Head: missing}); err == nil {
				t.Error("no error")
			}
		}
	})
}
