package sqlstore

import (
	"strings"
)

// maxKnownFacts is how many facts about one thing hasFact reads at most.
const maxKnownFacts = 100

// knownFacts has which facts are there about the things that a transaction adds facts about. Reading the few that are about one thing takes
// no longer than looking for one of them, and it is done once.
type knownFacts map[thing]map[restOfFact]bool

// thing identifies what facts are about, by the beginning of their subjects.
type thing struct {
	stem int64
	name string
}

type restOfFact struct {
	rest   string
	family int64
}

func thingOf(stem int64, rest string) thing {
	name, _, _ := strings.Cut(rest, "/")
	return thing{stem, name}
}

// add notes that a fact is there.
func (k knownFacts) add(stem int64, rest string, family int64) {
	if about := k[thingOf(stem, rest)]; about != nil {
		about[restOfFact{rest, family}] = true
	}
}

// hasFact reports whether a fact is there, by the ids of texts.
func (t *tx) hasFact(stem int64, rest string, family int64) (bool, error) {
	it := thingOf(stem, rest)
	about, read := t.knownFacts[it]
	if !read {
		var err error
		if about, err = t.factsAbout(it); err != nil {
			return false, err
		}
		if t.knownFacts == nil {
			t.knownFacts = knownFacts{}
		}
		t.knownFacts[it] = about
	}
	if about == nil || t.factsChanged {
		return t.exists("SELECT 1 FROM facts WHERE stem = ? AND rest = ? AND family = ?", stem, rest, family)
	}
	return about[restOfFact{rest, family}], nil
}

// factsAbout returns the facts about a thing; nil if there are too many.
func (t *tx) factsAbout(it thing) (map[restOfFact]bool, error) {
	about := map[restOfFact]bool{}
	unsent := t.unsentFacts // none is about it: before a fact is added, what it is about is read
	t.unsentFacts = nil
	defer func() { t.unsentFacts = unsent }()
	// 0 follows the slash: this range has the name and what continues it behind a slash.
	err := t.query("SELECT rest, family FROM facts WHERE stem = ? AND rest >= ? AND rest < ? LIMIT ?", []any{it.stem, it.name, it.name + "0", maxKnownFacts},
		func(rows Rows) error {
			var f restOfFact
			err := rows.Scan(&f.rest, &f.family)
			about[f] = true
			return err
		})
	if err != nil || len(about) == maxKnownFacts {
		return nil, err
	}
	return about, nil
}
