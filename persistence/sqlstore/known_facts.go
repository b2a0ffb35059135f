package sqlstore

import (
	"slices"
	"strings"
)

// maxKnownFacts is how many facts about one thing hasFact reads at most.
const maxKnownFacts = 100

// thing identifies what facts are about, by the beginning of their subjects.
type thing struct {
	stem int64
	name string
}

// knownFacts has which facts are there about a thing that a transaction adds facts about. Reading the few that are about one thing takes
// no longer than looking for one of them, and it is done once: later transactions add facts about the same status or deployment.
type knownFacts struct {
	facts []restOfFact
	// tooMany is true if there are more, which are not known.
	tooMany bool
}

type restOfFact struct {
	rest   string
	family int64
}

func thingOf(stem int64, rest string) thing {
	name, _, _ := strings.Cut(rest, "/")
	return thing{stem, name}
}

// addKnownFact notes that a fact is there, if others about the same thing are known.
func (t *tx) addKnownFact(stem int64, rest string, family int64) {
	it := thingOf(stem, rest)
	if about, known := t.things.get(it); known && !about.tooMany {
		about.facts = append(about.facts, restOfFact{rest, family})
		if len(about.facts) == maxKnownFacts {
			about = knownFacts{tooMany: true}
		}
		t.things.set(it, about)
	}
}

// changeFacts precedes a change of facts that are there.
func (t *tx) changeFacts() {
	t.factsChanged = true
	t.things.clear()
}

// hasFact reports whether a fact is there, by the ids of texts.
func (t *tx) hasFact(stem int64, rest string, family int64) (bool, error) {
	it := thingOf(stem, rest)
	about, known := t.things.get(it)
	if !known {
		var err error
		if about, err = t.factsAbout(it); err != nil {
			return false, err
		}
		t.things.add(it, about)
	}
	if about.tooMany || t.factsChanged {
		return t.exists("SELECT 1 FROM facts WHERE stem = ? AND rest = ? AND family = ?", stem, rest, family)
	}
	return slices.Contains(about.facts, restOfFact{rest, family}), nil
}

// factsAbout returns the facts about a thing.
func (t *tx) factsAbout(it thing) (about knownFacts, err error) {
	unsent := t.unsentFacts // none is about it: before a fact is added, what it is about is read
	t.unsentFacts = nil
	defer func() { t.unsentFacts = unsent }()
	// 0 follows the slash: this range has the name and what continues it behind a slash.
	err = t.query("SELECT rest, family FROM facts WHERE stem = ? AND rest >= ? AND rest < ? LIMIT ?", []any{it.stem, it.name, it.name + "0", maxKnownFacts},
		func(rows Rows) error {
			var f restOfFact
			err := rows.Scan(&f.rest, &f.family)
			about.facts = append(about.facts, f)
			return err
		})
	if err == nil && len(about.facts) == maxKnownFacts {
		about = knownFacts{tooMany: true}
	}
	return about, err
}
