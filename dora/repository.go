package dora

import (
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Repository is a repository as the rules know it. It stays the same when it is renamed or transferred.
type Repository struct {
	// Key is host/owner/name by the name under which it was seen first, which its scopes begin with. If another repository has that
	// key already, #id follows.
	Key string
	// Host is the sending server's.
	Host string
	// ID is GitHub's repository.id; 0 while no payload has had it.
	ID int64
}

// RepositoryKey returns the key of a repository that was seen first under a name (RepositoryName); id is 0 unless another repository
// was seen first under the same name.
func RepositoryKey(host, name string, id int64) string {
	key := strings.ToLower(url.PathEscape(host)) + "/" + name
	if id != 0 {
		key += "#" + strconv.FormatInt(id, 10)
	}
	return key
}

// RepositoryTx keeps repositories, the names by which events called them, and how their environments are spelled.
type RepositoryTx interface {
	// WithKey and WithID return a repository by its key, or by its host and id; false if there is none. No id is 0.
	WithKey(key string) (Repository, bool, error)
	WithID(host string, id int64) (Repository, bool, error)
	// Named returns the repositories, of any host, that an event called by a name (RepositoryName), the one whose newest event of that
	// name is the latest first, then by key.
	Named(name string) ([]Repository, error)
	// SeenSince returns the repositories that an event at a time or later has named, each once by the newest name of it, in any order.
	SeenSince(at time.Time) ([]NamedRepository, error)
	// Save adds a repository or replaces the one with its key.
	Save(Repository) error
	// AddName stores that an event of a time called a repository, by its key, by a name. Of several times the latest holds. If the name
	// is new, all that incidents show is stale from then on.
	AddName(key, name string, at time.Time) error
	// Merge gives all that is stored of one repository, by its key, to another: its names, its look-ups, its deployments with what they
	// shipped, their evaluations, evidence and failed changes, each with its scope, and the facts about its changes (ChangeSubject), but
	// not those about a change that has a fact in the other's scope. The first repository has no name then, and its key is not given to
	// another one. What is stored of an environment stays with both. All days of both are stale from then on.
	Merge(from, into string) error
	// AddEnvironment stores that a deployment went to an environment of a repository, and returns how the first one was spelled whose
	// name is equal by FoldName. It is one of production from the first time on that production is true.
	AddEnvironment(repository, name string, production bool) (spelling string, err error)
}

// Environment is an environment that deployments have gone to, of any repository.
type Environment struct {
	Name       string `json:"name"`
	Production bool   `json:"production"`
}

// NamedRepository is a repository by the name that an event has called it.
type NamedRepository struct {
	// Host is as in Deployment.Host.
	Host, Owner, Name string
}

// FoldName returns a form of a name that is the same for all names that differ in case alone.
func FoldName(name string) string {
	if isASCII(name) { // whose letters have no other form
		return strings.ToLower(name)
	}
	return strings.ToLower(strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, name))
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// scopePart returns a name as a part of a scope or key.
func scopePart(name string) string { return strings.ToLower(url.PathEscape(FoldName(name))) }
