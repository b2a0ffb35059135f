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
	// decodingMemory limits the memory of all payloads that are being decoded, in bytes. A payload of the maximum size is decoded
	// alone.
	decodingMemory = 96 << 20
	// perByte and perElement are upper bounds of the memory that decoding needs, in bytes.
	perByte, perElement = 3, 128
	// maxEvent limits what is stored of a payload: names, labels and references, in bytes.
	maxEvent = 64 << 10
	// maxKey limits the delivery key, in bytes. Hosts, paths of sites and identifiers are far shorter, and the indexes of databases have a limit.
	maxKey = 1 << 10
)

// decoder decodes the payload of a source into an event.
type decoder func(ctx context.Context, header http.Header, payload []byte) (decoded, error)

// limitedDecoder returns a decoder that refuses payloads beyond the limits, and waits while too much is being decoded. A payload that
// decode does not read may have any structure: lists of a push event have no limit.
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
		if size := len(d.key); size > maxKey {
			return decoded{}, fmt.Errorf("the payload: its host and identifiers have %d bytes, and at most %d are stored", size, maxKey)
		}
		if size := len(d.key) + truncateEvent(d.event); size > maxEvent {
			return decoded{}, fmt.Errorf("the payload: its labels, references and identifiers have %d bytes, and at most %d are stored", size, maxEvent)
		}
		return d, nil
	}
}

// truncateEvent truncates the names of an event to maxName, but no identifiers, and returns the size of all its strings in bytes.
func truncateEvent(e dora.Event) (size int) {
	switch {
	case e.Status != nil:
		size = truncateNames(&e.Status.State, &e.Status.Environment) + truncateDeployment(&e.Status.Deployment)
	case e.Deployment != nil:
		size = truncateDeployment(e.Deployment)
	case e.Incident != nil:
		size = truncateIncident(e.Incident)
	}
	return size
}

func truncateDeployment(d *dora.Deployment) int {
	size := len(d.Host) + truncateNames(&d.Owner, &d.Repository, &d.DefaultBranch, &d.Environment, &d.OriginalEnvironment, &d.SHA, &d.Ref,
		&d.Task, &d.Creator, &d.Description)
	for i := range d.Workflows {
		size += truncateNames(&d.Workflows[i])
	}
	return size
}

func truncateIncident(c *dora.IncidentChange) int {
	size := len(c.Host) + len(c.ID) + len(c.Changelog) +
		truncateNames(&c.Key, &c.Project, &c.StatusName, &c.StatusID, &c.StatusCategory, &c.Type, &c.Priority, &c.Resolution)
	if c.Transition != nil {
		size += truncateNames(&c.Transition.FromID, &c.Transition.From)
	}
	for _, names := range [][]string{c.IssueLabels, c.Components, c.Teams} {
		for i := range names {
			size += truncateNames(&names[i])
		}
	}
	for i := range c.References {
		r := &c.References[i]
		size += truncateNames(&r.Owner, &r.Repository, &r.Commit)
	}
	return size + 16*(len(c.IssueLabels)+len(c.Components)+len(c.Teams)+len(c.References))
}

// maxName is longer than any name on GitHub or Jira, in bytes. Truncated names are still recognisable as wrong.
const maxName = 1024

// truncateNames truncates texts to maxName, between two characters, and returns their size in bytes.
func truncateNames(texts ...*string) (size int) {
	for _, text := range texts {
		if len(*text) > maxName {
			*text = strings.Clone(strings.ToValidUTF8((*text)[:maxName], ""))
		}
		size += len(*text)
	}
	return size
}
