package rules

import (
	"slices"
	"time"

	"dora-exporter/dora"
)

// identify returns the key of the repository of a deployment that an event of a time is about.
//
// A payload names it by id, by which a renamed or transferred repository is the same and a new one under an old name is another. A
// payload without the id means the repository that had its name last. If a repository is known without an id under the name that comes
// with an id now, it is the same; what was stored of it moves to the repository with the id if that is already known by another name.
func (r *Session) identify(d dora.Deployment, at time.Time) (string, error) {
	name := d.RepositoryName()
	called := calledRepository{d.Host, name, d.RepositoryID}
	if known, ok := r.identified[called]; ok {
		known.newest = latest(known.newest, at)
		return known.key, nil
	}
	if d.RepositoryID == 0 { // the newest names decide
		if err := r.saveNames(); err != nil {
			return "", err
		}
	}
	named, err := r.Repositories().Named(name)
	if err != nil {
		return "", err
	}
	named = slices.DeleteFunc(named, func(known dora.Repository) bool { return known.Host != d.Host })
	found, err := r.repository(d, named)
	if err != nil {
		return "", err
	}
	if d.RepositoryID != 0 {
		r.identified[called] = &identifiedRepository{found.Key, at, at}
	}
	return found.Key, r.Repositories().AddName(found.Key, name, at)
}

// calledRepository is how an event names a repository.
type calledRepository struct {
	host, name string
	id         int64
}

// identifiedRepository is a repository that an event named, by its key. Of its times, newest is that of the newest such event in the transaction; the
// store knows of another one until saveNames.
type identifiedRepository struct {
	key            string
	newest, stored time.Time
}

// saveNames stores what the newest events have called the repositories that the transaction has identified, and forgets these.
func (r *Session) saveNames() error {
	for called, known := range r.identified {
		if known.newest.After(known.stored) {
			if err := r.Repositories().AddName(known.key, called.name, known.newest); err != nil {
				return err
			}
		}
	}
	clear(r.identified)
	return nil
}

// repository returns the repository of a deployment; named are those that events have called by its name, the latest first.
func (r *Session) repository(d dora.Deployment, named []dora.Repository) (dora.Repository, error) {
	if d.RepositoryID == 0 && len(named) > 0 {
		return named[0], nil
	}
	found, known, err := r.withID(d, named)
	if err != nil {
		return found, err
	}
	without := slices.IndexFunc(named, func(other dora.Repository) bool { return other.ID == 0 })
	if known && without < 0 {
		return found, nil
	}
	if err := r.saveNames(); err != nil { // what follows may change what they mean
		return found, err
	}
	switch {
	case known:
		return found, r.Repositories().Merge(named[without].Key, found.Key)
	case without >= 0:
		found = named[without]
		found.ID = d.RepositoryID
	default:
		found = dora.Repository{Key: dora.RepositoryKey(d.Host, d.RepositoryName(), 0), Host: d.Host, ID: d.RepositoryID}
		_, taken, err := r.Repositories().WithKey(found.Key)
		if err != nil {
			return found, err
		}
		if taken {
			found.Key = dora.RepositoryKey(d.Host, d.RepositoryName(), d.RepositoryID)
		}
	}
	return found, r.Repositories().Save(found)
}

// withID returns the repository with the id of a deployment's payload; false if there is none. Usually it is among those with its name.
func (r *Session) withID(d dora.Deployment, named []dora.Repository) (dora.Repository, bool, error) {
	if at := slices.IndexFunc(named, func(known dora.Repository) bool { return known.ID == d.RepositoryID }); at >= 0 && d.RepositoryID != 0 {
		return named[at], true, nil
	}
	return r.Repositories().WithID(d.Host, d.RepositoryID)
}

// namedBy returns the keys of the repositories that a reference may mean; none if it names no repository.
func (r *Session) namedBy(ref dora.Reference) ([]string, error) {
	if ref.Repository == "" {
		return nil, nil
	}
	named, err := r.Repositories().Named(ref.RepositoryName())
	var keys []string
	for _, repository := range named {
		keys = append(keys, repository.Key)
	}
	return keys, err
}
