package enrichment

import (
	"bytes"
	"context"
	"net/url"
	"sync"

	"dora-exporter/dora"
	"dora-exporter/internal/lazyregexp"
)

// knownComparisons remembers the answers to comparisons: each environment that a repository is deployed to asks for the same, and what
// lies between two commits never changes. Conditional requests would save the same part of the rate limit, but still make the calls.
type knownComparisons struct {
	mu sync.Mutex
	// bodies are the answers by what was asked for, order the keys from the oldest to the newest, size the bytes of all.
	bodies map[string][]byte
	order  []string
	size   int
}

const (
	// maxComparisons limits the answers that are remembered, in bytes, and maxComparison each.
	maxComparisons = 16 << 20
	maxComparison  = 256 << 10
)

// wholeSHA matches a SHA that names the same commit for ever.
var wholeSHA = lazyregexp.New(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// comparisonKey returns the key of a comparison; empty if its answer may change.
func comparisonKey(base *url.URL, c dora.Comparison) string {
	if !wholeSHA.MatchString(c.Base) || !wholeSHA.MatchString(c.Head.SHA) {
		return ""
	}
	return base.Host + "/" + repositoryKey(c.Head.Owner, c.Head.Repository) + "/" + c.Base + "..." + c.Head.SHA
}

func (k *knownComparisons) get(key string) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.bodies[key]
}

// put remembers a copy of an answer, which has no more capacity than bytes.
func (k *knownComparisons) put(key string, body []byte) {
	if key == "" || len(body) > maxComparison {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.bodies[key] != nil {
		return
	}
	if k.bodies == nil {
		k.bodies = map[string][]byte{}
	}
	k.bodies[key], k.order, k.size = bytes.Clone(body), append(k.order, key), k.size+len(body)
	for k.size > maxComparisons {
		k.size -= len(k.bodies[k.order[0]])
		delete(k.bodies, k.order[0])
		k.order = k.order[1:]
	}
}

// knownComparison returns a comparison that was asked for before.
func (l *lookUp) knownComparison(ctx context.Context, key string) (comparison, bool) {
	var known comparison
	body := l.comparisons.get(key)
	if body == nil || decode(ctx, l.answers, body, &known) != nil {
		return comparison{}, false
	}
	return known, true
}
