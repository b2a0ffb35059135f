package enrichment

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	json "github.com/go-json-experiment/json/v1"

	"dora-exporter/internal/bounds"
)

const (
	// maxBody limits the body of an answer, in bytes. A page of 100 pull requests has about 2 MiB, a comparison with many patches more.
	maxBody = 32 << 20
	// maxErrorBody limits the body of an error answer, in bytes. go-github reads and decodes these itself.
	maxErrorBody = 64 << 10
	// maxHeaders limits the headers of an answer, in bytes.
	maxHeaders = 256 << 10
)

// answerLimits are far above what GitHub sends: a page has at most 100 elements, each with some hundred members, and a commit or
// a comparison lists at most 3,000 files.
var answerLimits = bounds.JSON{Depth: 100, List: 10_000, Elements: 100_000, Members: 1_000_000}

// limitErrorBody limits the body of an answer that go-github reads itself to maxErrorBody.
func limitErrorBody(resp *http.Response) {
	if resp.StatusCode < 200 || resp.StatusCode > 299 || resp.StatusCode == http.StatusAccepted {
		resp.Body = http.MaxBytesReader(nil, resp.Body, maxErrorBody)
	}
}

// withTimeout returns a context that ends after the call's timeout. The timeout is suspended while the call waits for its turn.
func (g *GitHub) withTimeout(ctx context.Context, lease *bounds.Lease) (context.Context, context.CancelFunc) {
	timed, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(g.timeout, cancel)
	lease.OnWait = func() (resume func()) {
		timer.Stop()
		return func() { timer.Reset(g.timeout) }
	}
	return timed, func() {
		timer.Stop()
		lease.OnWait = nil
		cancel()
	}
}

// decode decodes and checks an answer, and counts its size against the limit of the look-up.
func decode(ctx context.Context, lease *bounds.Lease, body []byte, v answer) error {
	if string(bytes.TrimSpace(body)) == "null" {
		return errors.New("it is null")
	}
	if err := lease.Admit(ctx, answerLimits, body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return err
	}
	if err := v.check(); err != nil {
		return err
	}
	return lease.Keep(ctx, v.size())
}

// isLimitExceeded reports whether an answer exceeds a limit.
func isLimitExceeded(err error) bool {
	var structure *bounds.LimitError
	return errors.As(err, &structure) || errors.Is(err, bounds.ErrTooMuch)
}

// limitExceeded returns the outcome of a call whose answer exceeds a limit. It fails this look-up, which is retried, and does not
// affect calls for other repositories.
func (g *GitHub) limitExceeded(ctx context.Context, req *http.Request, err error) outcome {
	err = g.redact(&limitExceededError{callName(req.URL), err})
	g.logger.WarnContext(ctx, "answer of the GitHub API exceeds a limit, will retry", "call", callName(req.URL), "error", err)
	return outcome{kind: answered, err: err}
}

type limitExceededError struct {
	call string
	err  error
}

func (e *limitExceededError) Error() string { return "GET " + e.call + ": " + e.err.Error() }
func (e *limitExceededError) Unwrap() error { return e.err }

// The methods size return the size of the types in memory and of the strings in them, in bytes.

func (p *pulls) size() (n int) {
	for i := range *p {
		n += (*p)[i].size()
	}
	return n
}

func (p *pull) size() int {
	n := 320 + len(p.State) + len(p.MergeCommitSHA) + len(p.User.Login) + len(p.Body) + len(p.Head.Ref) + len(p.Head.SHA)
	for _, label := range p.Labels {
		n += 16 + len(label.Name)
	}
	if p.Base.Repo != nil {
		n += len(p.Base.Repo.FullName)
	}
	return n
}

func (c *commits) size() (n int) {
	for i := range *c {
		n += (*c)[i].size()
	}
	return n
}

func (c *commit) size() int {
	n := 160 + len(c.SHA) + len(c.Author.Login)
	if c.Commit != nil {
		n += len(c.Commit.Message)
	}
	for _, parent := range c.Parents {
		n += 16 + len(parent.SHA)
	}
	return n + (*files)(&c.Files).size()
}

func (f *files) size() (n int) {
	for _, touched := range *f {
		n += 32 + len(touched.Name) + len(touched.Previous)
	}
	return n
}

func (c *comparison) size() int { return 64 + c.Commits.size() + c.Files.size() }
