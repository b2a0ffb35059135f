package catalog

import (
	"context"
	"net/url"

	"dora-exporter/dora"
)

// Check asks Backstage for an entity.
func (b *Backstage) Check(ctx context.Context) dora.Finding {
	f := dora.Finding{Check: "backstage", Status: dora.FindingOK, Text: "Backstage answers"}
	entities, err := b.entities(ctx, url.Values{"limit": {"1"}, "fields": {"kind,metadata.name"}})
	switch {
	case ctx.Err() != nil:
		f.Status, f.Text, f.Remedy = dora.FindingFailed, "no answer in time", "check catalog.endpoint and the network"
	case err != nil && problemOf(err) != "": // the error has the remedy
		f.Status, f.Text = dora.FindingFailed, err.Error()
	case err != nil:
		f.Status, f.Text, f.Remedy = dora.FindingFailed, err.Error(), "check catalog.endpoint and the network"
	case len(entities) == 0:
		f.Status, f.Text, f.Remedy = dora.FindingWarning, "the catalog is empty", "register entities, or allow the token to read them"
	}
	return f
}
