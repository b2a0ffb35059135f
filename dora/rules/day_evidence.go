package rules

import (
	"slices"

	"dora-exporter/dora"
)

// replace replaces the evidence that a deployment or incident gives.
func (d *Days) replace(giver string, evidence []dora.Evidence) {
	for _, e := range d.given[giver] {
		d.about[e.Target] = slices.DeleteFunc(d.about[e.Target], func(other dora.Evidence) bool { return dora.DeploymentOf(other.By) == giver })
	}
	d.given[giver] = evidence
	for _, e := range evidence {
		d.about[e.Target] = append(d.about[e.Target], e)
	}
}

// evidenceBy returns the evidence that deployments or incidents give.
func (d *Days) evidenceBy(keys []string) ([]dora.Evidence, error) {
	var all []dora.Evidence
	made := func(key string) bool { _, made := d.given[key]; return made }
	for _, key := range keys {
		all = append(all, d.given[key]...)
	}
	stored, err := d.reads.EvidenceBy(slices.DeleteFunc(slices.Clone(keys), made))
	return append(all, stored...), err
}

// findEvidence finds anew what evidence a deployment gives. If what it followed may have been removed, this is about its failure and about
// its runs since then alone.
func (d *Days) findEvidence(h dora.History, t dora.DeploymentRecord) ([]dora.Evidence, error) {
	final, at, err := d.final(t, dora.OwnedBy(t))
	if err != nil {
		return nil, err
	}
	if final == nil || !final.now[at].Succeeded {
		return evidenceBy(d.policy, h, t)
	}
	before, err := d.evidenceBy([]string{t.Key()})
	if err != nil {
		return nil, err
	}
	found, err := outcomeEvidence(h, t)
	stays := func(e dora.Evidence) bool { return e.Cause != dora.CauseStatus && e.At.Before(d.complete[t.Scope()]) }
	return append(slices.DeleteFunc(before, func(e dora.Evidence) bool { return !stays(e) }), slices.DeleteFunc(found, stays)...), err
}

// evidenceAbout returns the evidence against deployments, by their keys.
func (d *Days) evidenceAbout(keys []string) (map[string][]dora.Evidence, error) {
	stored, err := d.reads.EvidenceAbout(keys)
	all := map[string][]dora.Evidence{}
	for _, key := range keys {
		all[key] = slices.Clone(d.about[key])
	}
	for _, e := range stored {
		if _, made := d.given[dora.DeploymentOf(e.By)]; !made {
			all[e.Target] = append(all[e.Target], e)
		}
	}
	return all, err
}
