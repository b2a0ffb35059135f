package receivers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/sync/semaphore"

	"dora-exporter/dora"
	"dora-exporter/internal/bounds"
)

// payloadLimits are far above what GitHub and Jira send. A long text, such as a description, counts as one value.
var payloadLimits = bounds.JSON{Depth: 500, List: 50_000, Elements: 100_000, Members: 250_000}

const (
	// decodingMemory limits what payloads that are decoded at the same time may need, in bytes. A payload of the largest size
	// has its turn alone.
	decodingMemory = 96 << 20
	// perByte and perElement are what decoding needs, at most.
	perByte, perElement = 3, 128
	// largestEvent limits what is stored of a payload: names, labels and references, in bytes.
	maxEvent = 64 << 10
)

// decoder is a source's function that turns a payload into an event.
type decoder func(ctx context.Context, header http.Header, payload []byte) (decoded, error)

// limitedDecoder returns a decoder for payloads within the limits, which waits while too much is being decoded. A payload that decode
// does not read may be of any structure: a push has lists without a limit.
func limitedDecoder(memory *semaphore.Weighted, reads func(http.Header) bool, decode func(http.Header, []byte) (decoded, error)) decoder {
	return func(ctx context.Context, header http.Header, payload []byte) (decoded, error) {
		if !reads(header) {
			return decode(header, nil)
		}
		elements, err := payloadLimits.Check(payload)
		if err != nil {
			return decoded{}, fmt.Errorf("the payload: %w", err)
		}
		needs := min(int64(perByte*len(payload)+perElement*elements), decodingMemory)
		if memory.Acquire(ctx, needs) != nil {
			return decoded{}, &refusal{http.StatusServiceUnavailable, unavailable, errors.New("too many large payloads at once")}
		}
		defer memory.Release(needs)
		d, err := decode(header, payload)
		if err != nil {
			return d, err
		}
		if size := len(d.key) + truncateEvent(d.event); size > maxEvent {
			return decoded{}, fmt.Errorf("the payload: its labels, references and identifiers have %d bytes, and at most %d are stored", size, maxEvent)
		}
		return d, nil
	}
}

// truncateEvent cuts the names of an event to longestName, and returns how many bytes its texts have then. Identifiers stay.
func truncateEvent(e dora.Event) (size int) {
	switch {
	case e.Status != nil:
		size = truncateNames(&e.Status.State) + truncateDeployment(&e.Status.Deployment)
	case e.Deployment != nil:
		size = truncateDeployment(e.Deployment)
	case e.Incident != nil:
		size = truncateIncident(e.Incident)
	}
	return size
}

func truncateDeployment(d *dora.Deployment) int {
	return len(d.Host) + truncateNames(&d.Owner, &d.Repository, &d.DefaultBranch, &d.Environment, &d.OriginalEnvironment, &d.SHA, &d.Ref)
}

func truncateIncident(c *dora.IncidentChange) int {
	size := len(c.Host) + len(c.ID) + truncateNames(&c.Key, &c.Project, &c.StatusName, &c.StatusCategory, &c.Type, &c.Priority)
	for i := range c.IssueLabels {
		size += truncateNames(&c.IssueLabels[i])
	}
	for i := range c.References {
		r := &c.References[i]
		size += truncateNames(&r.Owner, &r.Repository, &r.Commit)
	}
	return size + 16*(len(c.IssueLabels)+len(c.References))
}

// longestName is longer than any name at GitHub or Jira, in bytes. Longer ones stay recognisable as wrong.
const maxName = 1024

// truncateNames cuts texts to longestName, between two characters, and returns how many bytes they have then.
func truncateNames(texts ...*string) (size int) {
	for _, text := range texts {
		if len(*text) > maxName {
			*text = strings.Clone(strings.ToValidUTF8((*text)[:maxName], ""))
		}
		size += len(*text)
	}
	return size
}
